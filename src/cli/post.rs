//! One request to the webhook of the environment, and the whole answer, for a person.
//!
//! Invariants: one request is one attempt; no answer and no error shows the token.

use std::{fmt, io};

use reqwest::{Client, Response, header};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::{Failed, terminal};
use crate::{
    clock::Clock,
    delivery::{
        tls::Roots,
        transport::{self, Network},
    },
    env,
    webhook::{Tokens, Webhook},
};

/// Most of an answer that is shown, in bytes.
const SHOWN: usize = 200;

pub(super) struct Post {
    webhook: Webhook,
    /// The variable that names it.
    pub(super) from: &'static str,
    tokens: Tokens,
    client: Client,
    runtime: Runtime,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status {
        status: u16,
        retry_after: Option<String>,
        body: String,
    },
    /// Why there was none.
    None(String),
}

impl Post {
    pub(super) fn from_env() -> Result<Self, Failed> {
        let found = env::webhook().map_err(|error| Failed::usage(error.to_string()))?;
        let Some((webhook, from)) = found else {
            return Err(Failed::usage(
                "expected a webhook in SPIKE_WEBHOOK_URL, SPIKE_WEBHOOK_URL_FILE or SPIKE_TOKEN, \
                 found none; `spike sandbox` gives you one to try",
            ));
        };
        let roots = Roots::parse(&[]).map_err(|error| Failed::usage(error.to_string()))?;
        let network = Network { clock: Clock::start(), roots, proxies: true };
        let client = transport::client(webhook.is_plain(), &network);
        let client = client.map_err(|error| Failed::usage(error.to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error: io::Error| Failed::usage(error.to_string()))?;
        let tokens = Tokens::new(vec![webhook.token().clone()]);
        Ok(Self { webhook, from, tokens, client, runtime })
    }

    /// Where it goes, without the token.
    pub(super) fn place(&self) -> &str {
        self.webhook.place()
    }

    pub(super) fn send(&self, payload: &Value) -> Answer {
        self.send_to(&self.webhook, payload.to_string())
    }

    /// As it is, be it a payload or not.
    pub(super) fn send_raw(&self, body: &str) -> Answer {
        self.send_to(&self.webhook, body.to_owned())
    }

    /// To the same place, with another token.
    pub(super) fn send_with(&self, token: &str, payload: &Value) -> Answer {
        let url = format!("{}/{token}/push-events", self.webhook.place());
        match Webhook::parse(&url, self.from) {
            Ok(webhook) => self.send_to(&webhook, payload.to_string()),
            Err(error) => Answer::None(error.to_string()),
        }
    }

    fn send_to(&self, webhook: &Webhook, body: String) -> Answer {
        let request = self
            .client
            .post(webhook.expose_url())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        match self.runtime.block_on(async { read(request.send().await?).await }) {
            Ok((status, retry_after, mut body)) => {
                self.tokens.scrub(&mut body, 0);
                let body = terminal::fit(body.trim(), SHOWN);
                Answer::Status { status, retry_after, body }
            }
            Err(error) => {
                let error = error.without_url();
                let why = if error.is_timeout() {
                    "nothing within 10 s".to_owned()
                } else {
                    transport::causes(&error).last().map(ToString::to_string).unwrap_or_default()
                };
                Answer::None(why)
            }
        }
    }
}

type Read = (u16, Option<String>, String);

async fn read(mut response: Response) -> Result<Read, reqwest::Error> {
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while body.len() < SHOWN.saturating_mul(4) {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok((status, retry_after, String::from_utf8_lossy(&body).into_owned()))
}

impl Answer {
    pub(super) fn is_accepted(&self) -> bool {
        match self {
            Self::Status { status, body, .. } => (200..300).contains(status) && !says_not_ok(body),
            Self::None(_) => false,
        }
    }

    /// What it means, and what to do about it.
    pub(super) fn meaning(&self) -> &'static str {
        match self {
            Self::None(_) => "There was no answer: look at the network, a proxy, or a firewall.",
            Self::Status { body, .. } if says_not_ok(body) => {
                "It was answered, and not taken: the layer would try again."
            }
            Self::Status { status, .. } => match status {
                200..300 => "It was accepted.",
                401 | 403 | 404 | 410 => {
                    "The token or the address is wrong: copy the webhook again from the \
                     integration's page at Spike."
                }
                408 | 425 | 429 => "It is too much for now: the layer would wait, and try again.",
                413 => "It is too large: the layer would send less of it.",
                300..=399 => {
                    "It leads elsewhere, and the layer never follows: is this the webhook?"
                }
                500.. => "It could not be processed: the layer would try again. Try again, too.",
                _ => "It was refused for good: is this a webhook of Spike?",
            },
        }
    }
}

/// Whether an answer says `{"Ok": false}`.
fn says_not_ok(body: &str) -> bool {
    let ok = serde_json::from_str::<Value>(body).ok();
    ok.and_then(|body| body.get("Ok").and_then(Value::as_bool)) == Some(false)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(why) => write!(f, "no answer ({why})"),
            Self::Status { status, retry_after, body } => {
                write!(f, "status {status}")?;
                if !body.is_empty() {
                    write!(f, " {body}")?;
                }
                retry_after.iter().try_for_each(|after| write!(f, ", Retry-After: {after}"))
            }
        }
    }
}
