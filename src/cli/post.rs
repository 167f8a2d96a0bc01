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
        outcome::{self, Outcome, of_answer, of_no_answer},
        tls::Roots,
        transport::{self, ANSWER_CAP, Network},
    },
    env,
    webhook::{Tokens, Webhook},
};

/// Most of an answer that is shown, and of its `Retry-After`, in columns.
const SHOWN: usize = 200;
const SHOWN_AFTER: usize = 40;

pub(super) struct Post {
    webhook: Webhook,
    /// The variable that names it.
    pub(super) from: &'static str,
    tokens: Tokens,
    client: Client,
    runtime: Runtime,
}

/// What came back, as the layer judges it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    outcome: Outcome,
    said: Said,
}

/// What a person is shown of it.
#[derive(Clone, Debug)]
enum Said {
    Status {
        status: u16,
        retry_after: Option<String>,
        body: String,
    },
    /// Why there was no answer.
    Nothing(String),
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
            Err(error) => Answer {
                outcome: of_no_answer(outcome::NoAnswer::NotConnected),
                said: Said::Nothing(error.to_string()),
            },
        }
    }

    /// What a person may see of a text, in so many columns.
    fn shown(&self, text: &str, columns: usize) -> String {
        // First, since it joins what a hidden character keeps apart.
        let mut text = terminal::harmless(text);
        self.tokens.scrub(&mut text, 0);
        terminal::fit(text.trim(), columns)
    }

    fn send_to(&self, webhook: &Webhook, body: String) -> Answer {
        let request = self
            .client
            .post(webhook.expose_url())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        match self.runtime.block_on(async { read(request.send().await?).await }) {
            Ok((status, head, body)) => {
                let text = |name| head.get(name).and_then(|value| value.to_str().ok());
                let retry_after = text(header::RETRY_AFTER);
                let outcome = of_answer(&outcome::Answer {
                    status,
                    retry_after,
                    date: text(header::DATE),
                    body: &body,
                    local: Clock::wall(),
                });
                let retry_after = retry_after.map(|after| self.shown(after, SHOWN_AFTER));
                let body = self.shown(&String::from_utf8_lossy(&body), SHOWN);
                Answer { outcome, said: Said::Status { status, retry_after, body } }
            }
            Err(error) => {
                let error = error.without_url();
                let why = if error.is_timeout() {
                    "nothing within 10 s".to_owned()
                } else {
                    transport::causes(&error).last().map(ToString::to_string).unwrap_or_default()
                };
                let outcome = of_no_answer(transport::what_failed(&error));
                Answer { outcome, said: Said::Nothing(why) }
            }
        }
    }
}

type Read = (u16, header::HeaderMap, Vec<u8>);

/// As much of the answer as the layer reads.
async fn read(mut response: Response) -> Result<Read, reqwest::Error> {
    let (status, head) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while body.len() < ANSWER_CAP {
        let Some(chunk) = response.chunk().await? else { break };
        let room = ANSWER_CAP.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&[]));
    }
    Ok((status, head, body))
}

impl Answer {
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Accepted { .. })
    }

    /// Whether it may have been applied, though nobody says so.
    pub(super) fn may_have_opened(&self) -> bool {
        let Outcome::Later(later) = self.outcome else { return false };
        match self.said {
            Said::Nothing(_) => later.reach.is_sent(),
            Said::Status { status, .. } => status == 408 || status >= 500,
        }
    }

    /// What it means, and what to do about it.
    pub(super) fn meaning(&self) -> &'static str {
        match &self.said {
            Said::Nothing(_) => "There was no answer: look at the network, a proxy, or a firewall.",
            Said::Status { status, .. } => match status {
                200..300 if !self.is_accepted() => {
                    "It was answered, and not taken: the layer would try again."
                }
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

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Nothing(why) => write!(f, "no answer ({why})"),
            Said::Status { status, retry_after, body } => {
                write!(f, "status {status}")?;
                if !body.is_empty() {
                    write!(f, " {body}")?;
                }
                retry_after.iter().try_for_each(|after| write!(f, ", Retry-After: {after}"))
            }
        }
    }
}
