//! Secrets in URLs: the password before the host, and webhooks whose path is the credential.
//!
//! Invariant: looks at so many bytes behind a scheme and at a host's last bytes, and no further,
//! unless it finds something.

use std::ops::Range;

use super::text::{Text, is_mixed, is_quote};

/// Bytes of user and password that are looked at.
const MOST: usize = 512;
/// The same, where there is a path before the `@`, as a password with a `/` looks.
const MOST_WITH_SLASH: usize = 48;
/// A user that is no name but a token has so many bytes.
const TOKEN: usize = 20;
/// A webhook's secret has so many.
const PATH: usize = 8;

/// Hosts, or how they end, and the path in front of the secret.
const WEBHOOKS: [(&str, &str); 15] = [
    ("hooks.slack.com", "/services/"),
    ("hooks.slack.com", "/workflows/"),
    ("hooks.slack.com", "/triggers/"),
    ("hooks.spike.sh", "/"),
    ("discord.com", "/api/webhooks/"),
    ("discordapp.com", "/api/webhooks/"),
    ("hooks.zapier.com", "/hooks/catch/"),
    (".webhook.office.com", "/webhookb2/"),
    ("events.pagerduty.com", "/integration/"),
    ("api.telegram.org", "/bot"),
    ("open.feishu.cn", "/open-apis/bot/v2/hook/"),
    ("maker.ifttt.com", "/trigger/"),
    ("hc-ping.com", "/"),
    ("chat.googleapis.com", "/v1/spaces/"),
    ("qyapi.weixin.qq.com", "/cgi-bin/webhook/send?key="),
];

fn ends_url(byte: u8) -> bool {
    byte <= b' ' || is_quote(byte) || matches!(byte, b'<' | b'>' | b'\\' | 0x7f)
}

/// The secret between the `://` whose colon is at `colon`, and the `@`.
pub(super) fn user_info(text: Text<'_>, colon: usize) -> Option<Range<usize>> {
    let start = colon.saturating_add(3);
    let ends = |byte| ends_url(byte) || matches!(byte, b'/' | b'?' | b'#');
    let mut end = text.run_within(start, MOST, |byte| !ends(byte));
    let mut at = text.slice(start, end).iter().rposition(|&byte| byte == b'@');
    let divider = text.slice(start, end).iter().position(|&byte| byte == b':');
    let behind = divider.map(|colon| start.saturating_add(colon).saturating_add(1));
    // A port is a number: anything else is a password, whatever is in it.
    let odd = behind.filter(|&behind| {
        behind < end && !matches!(text.at(behind), b'0'..=b'9' | b'/') && text.at(start) != b'['
    });
    if at.is_none() && odd.is_some() {
        if end == text.len() && !text.whole {
            return odd.map(|password| password..end);
        }
        end = text.run_within(start, MOST_WITH_SLASH, |byte| !ends_url(byte));
        at = text.slice(start, end).iter().rposition(|&byte| byte == b'@');
    }
    let at = start.saturating_add(at?);
    let password = behind.filter(|&behind| behind <= at);
    // Before something was hidden in it, it was longer, and was not taken for one. A name that is
    // hidden as a whole makes no such difference.
    let is_hidden = |end: usize| text.slice(start, end) == super::PLACEHOLDER.as_bytes();
    let from = password.filter(|password| is_hidden(password.saturating_sub(1))).unwrap_or(start);
    if holds_placeholder(text.slice(from, at)) {
        return None;
    }
    let Some(password) = password else {
        return is_token(text, start, at).then_some(start..at);
    };
    let user = password.saturating_sub(1);
    if is_token(text, start, user) {
        return Some(start..at);
    }
    let hidden = text.slice(password, at).iter().all(|&byte| byte == b'*');
    (!hidden).then_some(password..at)
}

fn is_token(text: Text<'_>, start: usize, end: usize) -> bool {
    let user = text.slice(start, end);
    user.len() >= TOKEN && is_mixed(user)
}

/// How the hosts end: there are many slashes, and few behind one of these.
#[inline]
pub(super) fn may_host(last: u8) -> bool {
    matches!(last, b'm' | b'h' | b'g' | b'n')
}

/// The secret in the path of a webhook, whose first slash is at `slash`.
pub(super) fn webhook(text: Text<'_>, slash: usize) -> Option<Range<usize>> {
    let is = |(host, path): &&(&str, &str)| {
        text.ended(slash, host.as_bytes()) && text.starts(slash, path.as_bytes())
    };
    let (_, path) = WEBHOOKS.iter().find(is)?;
    let start = slash.saturating_add(path.len());
    let end = text.run(start, |byte| !ends_url(byte) && !matches!(byte, b')' | b',' | b';' | b']'));
    let long = end.saturating_sub(start) >= PATH;
    let near = text.slice(start, end.saturating_add(1).min(start.saturating_add(MOST)));
    (long && !holds_placeholder(near)).then_some(start..end)
}

fn holds_placeholder(part: &[u8]) -> bool {
    let placeholder = super::PLACEHOLDER.as_bytes();
    part.windows(placeholder.len()).any(|window| window == placeholder)
}
