//! One POST, and nothing else: no retry, no decision.
//!
//! Invariants: every error of the client loses its URL before anything else sees it; a redirect
//! is never followed, at most [`ANSWER_CAP`] bytes of an answer are read, and the tokens of all
//! endpoints are removed from whatever is sent or printed.

use std::{
    error::Error,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

#[cfg(feature = "testing")]
use std::sync::Mutex;

use reqwest::{Client, Response, header, redirect};

#[cfg(feature = "testing")]
use crate::lock::lock;
use crate::{
    clock::Clock,
    delivery::{
        dry::{About, Dry},
        kept::Home,
        lookup::Lookups,
        outcome::{Answer, NoAnswer, Outcome, of_answer, of_no_answer},
        tls::{self, Roots},
    },
    error::{self, Kind},
    incident::Op,
    webhook::{Tokens, Webhook},
};

/// A connection has to stand within this.
const CONNECT: Duration = Duration::from_secs(3);
/// A whole attempt has to end within this.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Most of an answer that is read, in bytes.
pub(crate) const ANSWER_CAP: usize = 4 * 1024;

/// One endpoint, as the builder describes it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What a person is told of it: the place, and the rules when that is not enough.
    pub(crate) name: String,
    /// `None`: nothing can be sent, so it is for a dry run.
    pub(crate) webhook: Option<Webhook>,
}

/// Where the payloads of one endpoint go.
#[derive(Debug)]
pub(crate) struct Transport {
    name: String,
    tokens: Tokens,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Post(Post),
    /// `SPIKE_MODE=dry-run`: to stderr, as it would be sent. `says_where`: there are several
    /// endpoints.
    Print {
        says_where: bool,
        dry: Dry,
    },
    /// In a user's test: kept, with the time.
    #[cfg(feature = "testing")]
    Keep(Clock, Arc<Mutex<Vec<Sent>>>),
}

/// What would have been sent.
#[cfg(feature = "testing")]
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Which of the pipeline's endpoints, as a person is told of it.
    pub(crate) endpoint: String,
    pub(crate) payload: serde_json::Value,
    /// On the test's clock.
    pub(crate) at: Duration,
}

#[derive(Debug)]
struct Post {
    client: Client,
    webhook: Webhook,
}

/// How endpoints are reached: what they all share.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) clock: Clock,
    /// What is trusted beside the roots of the system.
    pub(crate) roots: Roots,
    /// Whether the proxies of the environment are used.
    pub(crate) proxies: bool,
}

/// A client. One for https loads the system's root certificates and so takes a while.
pub(crate) fn client(plain: bool, network: &Network) -> Result<Client, error::Error> {
    let mut client = Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(network.clock.takes(CONNECT))
        .timeout(network.clock.takes(ATTEMPT))
        .dns_resolver(Arc::new(Lookups::default()))
        .user_agent(concat!("tracing-spike/", env!("CARGO_PKG_VERSION")))
        .https_only(!plain)
        // Whatever other crates of the program have enabled in reqwest.
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate();
    // A proxy from the environment has no business between two local sockets.
    if plain || !network.proxies {
        client = client.no_proxy();
    }
    let client = tls::set_up(client, &network.roots, !plain)?;
    client.build().map_err(|error| error::Error::new(Kind::Client(error.without_url())))
}

impl Post {
    async fn attempt(&self, payload: String) -> Attempted {
        let request = self
            .client
            .post(self.webhook.expose_url())
            .header(header::CONTENT_TYPE, "application/json")
            .body(payload);
        match request.send().await {
            Ok(response) => of_response(response).await,
            Err(error) => unanswered(error),
        }
    }
}

/// What became of an attempt, and what a person would be told of it if it failed.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) outcome: Outcome,
    pub(crate) why: String,
}

impl Attempted {
    /// Taken, by nobody who could refuse.
    fn accepted() -> Self {
        Self { outcome: Outcome::Accepted { verified: true }, why: String::new() }
    }
}

impl Transport {
    /// Transports that send. Endpoints share a client, but for those at a loopback address.
    pub(crate) fn post(
        endpoints: Vec<Endpoint>,
        tokens: &Tokens,
        network: &Network,
    ) -> Result<Vec<Self>, error::Error> {
        let (mut local, mut remote) = (None, None);
        let transport = |Endpoint { name, webhook }| {
            let Some(webhook) = webhook else {
                let source = io::Error::other("an endpoint without a webhook");
                return Err(error::Error::new(Kind::Worker { what: "https client", source }));
            };
            let plain = webhook.is_plain();
            let known = if plain { &mut local } else { &mut remote };
            let client = match known {
                Some(client) => Client::clone(client),
                None => known.insert(client(plain, network)?).clone(),
            };
            let way = Way::Post(Post { client, webhook });
            Ok(Self { name, tokens: tokens.clone(), way })
        };
        endpoints.into_iter().map(transport).collect()
    }

    /// Transports that print.
    pub(crate) fn print(endpoints: Vec<Endpoint>, tokens: &Tokens, dry: &Dry) -> Vec<Self> {
        let says_where = endpoints.len() > 1;
        let transport = |Endpoint { name, .. }| Self {
            name,
            tokens: tokens.clone(),
            way: Way::Print { says_where, dry: dry.clone() },
        };
        endpoints.into_iter().map(transport).collect()
    }

    /// Transports that keep what they are given.
    #[cfg(feature = "testing")]
    pub(crate) fn keep(
        endpoints: Vec<Endpoint>,
        tokens: &Tokens,
        clock: &Clock,
        sent: &Arc<Mutex<Vec<Sent>>>,
    ) -> Vec<Self> {
        let transport = |Endpoint { name, .. }| Self {
            name,
            tokens: tokens.clone(),
            way: Way::Keep(clock.clone(), Arc::clone(sent)),
        };
        endpoints.into_iter().map(transport).collect()
    }

    /// How the spool knows the endpoint; `None`: nothing is sent, so nothing need be kept.
    pub(crate) fn home(&self) -> Option<Home> {
        let Way::Post(Post { webhook, .. }) = &self.way else { return None };
        Some(Home::of(webhook))
    }

    /// What a person is told of the endpoint.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What a person is told of an op beside its payload; `None`: only that is sent.
    pub(crate) fn about(&self, op: &Op) -> Option<About> {
        let Way::Print { dry, .. } = &self.way else { return None };
        Some(dry.about(op))
    }

    /// Makes one attempt. Bounded in time by [`ATTEMPT`].
    pub(crate) async fn attempt(
        &self,
        payload: &serde_json::Value,
        about: Option<&About>,
    ) -> Attempted {
        match &self.way {
            Way::Post(post) => {
                let mut text = payload.to_string();
                // The last look for our own tokens. Their characters need no escape in JSON, so
                // what is left is still JSON.
                self.tokens.scrub(&mut text, 0);
                post.attempt(text).await
            }
            Way::Print { says_where, dry } => {
                let place = says_where.then_some(self.name.as_str());
                let mut text = about.map(|about| dry.page(payload, about, place));
                if let Some(text) = &mut text {
                    self.tokens.scrub(text, 0);
                    io::stderr().write_all(text.as_bytes()).ok();
                }
                Attempted::accepted()
            }
            #[cfg(feature = "testing")]
            Way::Keep(clock, sent) => {
                let mut text = payload.to_string();
                self.tokens.scrub(&mut text, 0);
                let payload = serde_json::from_str(&text).unwrap_or_default();
                let endpoint = self.name.clone();
                lock(sent).push(Sent { endpoint, payload, at: clock.now() });
                Attempted::accepted()
            }
        }
    }
}

/// What an attempt without an answer comes to.
fn unanswered(error: reqwest::Error) -> Attempted {
    let error = error.without_url();
    let why = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        causes(&error).last().map(ToString::to_string).unwrap_or_default()
    };
    Attempted { outcome: of_no_answer(what_failed(&error)), why }
}

/// Whether this is about bytes that are no HTTP.
fn is_garbled(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

/// How far an attempt has come that has no answer.
pub(crate) fn what_failed(error: &reqwest::Error) -> NoAnswer {
    if causes(error).any(tls::is_failure) {
        NoAnswer::Tls
    } else if error.is_connect() || error.is_dns() || error.is_builder() {
        NoAnswer::NotConnected
    } else {
        NoAnswer::Ambiguous
    }
}

/// The error and its causes, the innermost last, which says most: "Connection refused", say.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        // It names the cause of what is inside as its own, and so passes over that.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

async fn of_response(mut response: Response) -> Attempted {
    let status = response.status().as_u16();
    let head = response.headers().clone();
    let text = |name| head.get(name).map(|value| value.to_str().unwrap_or(""));
    let mut body = Vec::new();
    while body.len() < ANSWER_CAP {
        // The head is a complete answer: a body that ends early or never changes nothing but
        // whether it says "Ok". One that is no HTTP makes the head doubtful, too.
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Err(error) if causes(&error).any(is_garbled) => return unanswered(error),
            Ok(None) | Err(_) => break,
        };
        let room = ANSWER_CAP.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&[]));
    }
    let outcome = of_answer(&Answer {
        status,
        retry_after: text(header::RETRY_AFTER),
        date: text(header::DATE),
        body: &body,
        local: Clock::wall(),
    });
    Attempted { outcome, why: format!("status {status}") }
}

#[cfg(test)]
mod tests;
