//! The page at `/`: a list of the incidents for a person to look at.
//!
//! Owns its HTML and its headers. Invariants: every value from outside is escaped, there is no
//! script, and it answers only to a loopback name in `Host`, so that no web site can read it
//! through a name of its own. Does no I/O.

use std::fmt::Write as _;
use std::time::SystemTime;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::incident::Incident;
use super::ledger::Head;

/// Everything up to the title element; what differs comes after it.
const TEMPLATE: &str = include_str!("page.html");
/// The line of the template that the content replaces.
const MARK: &str = "<!-- content -->";
/// Incidents shown in each of the two lists, the newest.
const SHOWN: usize = 200;
/// Bytes of a body shown.
const SHOWN_BODY: usize = 32 * 1024;
/// Nothing is loaded, framed, sent or run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Whether a request is for the page.
pub(super) fn is_at(head: &Head) -> bool {
    let path = head.path.split('?').next().unwrap_or_default();
    path == "/" && matches!(head.method.as_str(), "GET" | "HEAD")
}

/// The answer to a request for the page.
pub(super) fn render(
    head: &Head,
    port: u16,
    webhook_url: &str,
    incidents: impl FnOnce() -> Vec<Incident>,
) -> Response {
    let (status, html) = if is_local(head, port) {
        let paused = head.path.ends_with("?paused");
        (StatusCode::OK, html(&incidents(), webhook_url, paused))
    } else {
        let text = format!("expected the host 127.0.0.1:{port}, found another\n");
        (StatusCode::FORBIDDEN, text)
    };
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let content_type = if status == StatusCode::OK { "text/html" } else { "text/plain" };
    let fixed = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the request names the sandbox as a loopback address, or as `localhost`.
fn is_local(head: &Head, port: u16) -> bool {
    let Some((_, host)) = head.headers.iter().find(|(name, _)| name == "host") else {
        return false;
    };
    ["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{port}").as_bytes())
}

fn html(incidents: &[Incident], webhook_url: &str, paused: bool) -> String {
    let (before, after) = TEMPLATE.split_once(MARK).unwrap_or((TEMPLATE, ""));
    let (open, resolved): (Vec<&Incident>, Vec<&Incident>) =
        incidents.iter().rev().partition(|incident| incident.is_open());
    let mut page = String::with_capacity(before.len().saturating_add(4096));
    page.push_str(before);
    if !paused {
        page.push_str("<meta http-equiv=\"refresh\" content=\"5\">\n");
    }
    let other = if paused {
        "paused, <a href=\"/\">resume</a> (every 5 s)"
    } else {
        "refreshes every 5 s, <a href=\"/?paused\">pause</a>"
    };
    put(&mut page, format_args!("<title>{} open - Spike sandbox</title>\n</head>\n", open.len()));
    put(&mut page, format_args!("<body>\n<header><h1>Spike sandbox</h1>"));
    put(&mut page, format_args!("<span class=\"soft\">{other}</span></header>\n"));
    let url = Escaped(webhook_url);
    if incidents.is_empty() {
        page.push_str("<h2>No incident yet</h2>\n<div class=\"empty\">");
        page.push_str("<p>Start your program with this in its environment:</p>\n");
        put(&mut page, format_args!("<p><code>SPIKE_WEBHOOK_URL={url}</code></p>\n"));
        page.push_str("<p class=\"soft\">What it sends shows up here; no one is paged.</p></div>");
    } else {
        put(&mut page, format_args!("<p class=\"soft\"><code>SPIKE_WEBHOOK_URL={url}</code></p>"));
        list(&mut page, "Open", &open);
        list(&mut page, "Resolved", &resolved);
    }
    page.push_str("\n</body>");
    page.push_str(after);
    page
}

fn list(page: &mut String, heading: &str, incidents: &[&Incident]) {
    put(page, format_args!("\n<h2>{heading} ({})</h2>\n", incidents.len()));
    if incidents.is_empty() {
        page.push_str("<p class=\"soft\">None.</p>\n");
    }
    for incident in incidents.iter().take(SHOWN) {
        article(page, incident);
    }
    let rest = incidents.len().saturating_sub(SHOWN);
    if rest > 0 {
        put(page, format_args!("<p class=\"soft\">And {rest} older.</p>\n"));
    }
}

fn article(page: &mut String, incident: &Incident) {
    let (class, state) =
        if incident.is_open() { ("open", "open") } else { ("resolved", "resolved") };
    let title = if incident.title().is_empty() { "(no title)" } else { incident.title() };
    put(page, format_args!("<article class=\"{class}\">\n<h3>{}</h3>\n<p>", Escaped(title)));
    put(page, format_args!("<span class=\"tag state\">{state}</span>"));
    for tag in [incident.severity(), incident.priority()].into_iter().flatten() {
        put(page, format_args!("<span class=\"tag\">{}</span>", Escaped(tag)));
    }
    let (repeats, plural) = match incident.repeats() {
        1 => (1, ""),
        more => (more, "s"),
    };
    put(page, format_args!("<span class=\"soft\">{repeats} repeat{plural}</span></p>\n"));
    put(page, format_args!("<p class=\"soft\">#{}, first ", incident.number()));
    time(page, incident.first_at());
    if incident.repeats() > 0 {
        page.push_str(", last ");
        time(page, incident.last_at());
    }
    if let Some(at) = incident.resolved_at() {
        page.push_str(", resolved ");
        time(page, at);
    }
    page.push_str("</p>\n");
    details(page, "Details", incident.body());
    if incident.repeats() > 0 {
        details(page, "Details of the last repeat", incident.last_body());
    }
    page.push_str("</article>\n");
}

fn time(page: &mut String, at: SystemTime) {
    let at = humantime::format_rfc3339_seconds(at);
    put(page, format_args!("<time datetime=\"{at}\">{at}</time>"));
}

fn details(page: &mut String, summary: &str, body: &Value) {
    let text = match body {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    };
    let end = (0..=SHOWN_BODY.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let shown = end.and_then(|end| text.get(..end)).unwrap_or_default();
    let cut = if shown.len() < text.len() { "\n... (cut)" } else { "" };
    put(page, format_args!("<details><summary>{summary}</summary>"));
    put(page, format_args!("<pre>{}{cut}</pre></details>\n", Escaped(shown)));
}

/// Appends; writing to a `String` cannot fail.
fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).ok();
}

/// Text that is safe inside an element and inside a quoted attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Escaped, MARK, TEMPLATE};

    #[test]
    fn text_cannot_leave_its_place() {
        let hostile = r#"</h3><script>alert('x')</script>" onload="&amp;"#;
        let escaped = Escaped(hostile).to_string();
        assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        assert!(escaped.ends_with("&amp;amp;"));
    }

    #[test]
    fn the_template_has_one_place_for_content() {
        assert_eq!(TEMPLATE.matches(MARK).count(), 1);
        assert!(!TEMPLATE.contains("<script"));
    }
}
