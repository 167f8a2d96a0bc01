//! What would have been sent: one page, repeat or resolve.

use std::time::Duration;

use serde_json::Value as Json;

use crate::{
    delivery::transport::Sent,
    incident::{Priority, Severity},
};

/// One request that would have gone to Spike: a page, a repeat or a resolve. From
/// [`Spike::pages`](super::Spike::pages).
///
/// ```
/// use tracing_spike::testing::Spike;
///
/// let spike = Spike::new(|builder| builder)?;
/// let inside = spike.enter();
/// tracing::error!(order = 4711, "card payment failed");
/// let pages = spike.pages();
/// assert!(pages[0].title().starts_with("card payment failed in "));
/// assert_eq!(pages[0].body()["fields"]["order"], 4711);
/// assert!(!pages[0].is_repeat() && !pages[0].is_resolve());
/// # drop(inside);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    payload: Json,
    endpoint: String,
    at: Duration,
    is_repeat: bool,
}

impl Page {
    /// `is_open`: whether Spike has an incident with this title at that moment.
    pub(super) fn new(sent: Sent, is_open: impl FnOnce(&Self) -> bool) -> Self {
        let Sent { endpoint, payload, at } = sent;
        let mut page = Self { payload, endpoint, at, is_repeat: false };
        page.is_repeat = !page.is_resolve() && is_open(&page);
        page
    }

    /// The title: what is read out on the phone, the text of the SMS, and the key of the incident.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(target: "jobs", "import of file {} failed", 17);
    /// assert_eq!(spike.pages()[0].title(), "import of file # failed in jobs");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn title(&self) -> &str {
        self.text("title").unwrap_or_default()
    }

    /// The severity; repeats have none, nor what neither the event nor a rule nor the builder
    /// gives one.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(spike.severity = "sev1", "import failed");
    /// let severity = spike.pages()[0].severity();
    /// assert_eq!(severity, Some(tracing_spike::Severity::Sev1));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.text("severity")?.parse().ok()
    }

    /// The priority, as [`severity`](Page::severity).
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(spike.priority = "p2", "import failed");
    /// let priority = spike.pages()[0].priority();
    /// assert_eq!(priority, Some(tracing_spike::Priority::P2));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        self.text("priority")?.parse().ok()
    }

    /// The body, as [the guide](crate::guide::paging#what-a-person-sees) describes it.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(file = "orders.csv", "import failed");
    /// assert_eq!(spike.pages()[0].body()["fields"]["file"], "orders.csv");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn body(&self) -> &Json {
        self.payload.get("body").unwrap_or(&Json::Null)
    }

    /// All of it, as it would be sent: for a snapshot, say. It is the same in each run: the test's
    /// clock begins at 2026-01-01T00:00:00Z, `source.host` is `test` and `source.pid` is 1.
    /// `source.thread` is the name of the thread, and of a test that is up to who runs it.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// let pages = spike.pages();
    /// let json = pages[0].json();
    /// assert_eq!(json["body"]["occurrences"]["first"], "2026-01-01T00:00:00.000Z");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.payload
    }

    /// Where it would go: the webhook's scheme and host, and `(default)` or the rules that lead
    /// there, as `(rule billing)`.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// assert_eq!(spike.pages()[0].endpoint(), "https://hooks.spike.sh (default)");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// When, on the test's clock.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// spike.advance(std::time::Duration::from_secs(90));
    /// tracing::error!("import failed");
    /// assert_eq!(spike.pages()[0].at().as_secs(), 90);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Whether the incident was open already: nobody is paged by it again.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// for _ in 0..2 {
    ///     tracing::error!("import failed");
    ///     spike.advance(std::time::Duration::from_secs(60));
    /// }
    /// let pages = spike.pages();
    /// assert!(!pages[0].is_repeat() && pages[1].is_repeat());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    /// Whether it resolves its incident.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// tracing::info!(spike.status = "resolve", "import failed");
    /// assert!(spike.pages()[1].is_resolve());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn is_resolve(&self) -> bool {
        self.text("status") == Some("resolve")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.payload.get(name)?.as_str()
    }

    /// A value of the body, by a JSON pointer (`/fields/order`) or a path (`fields.order`). `Err`
    /// says how far it goes, and what is there instead.
    pub(super) fn find(&self, path: &str) -> Result<&Json, String> {
        let names: Vec<String> = match path.strip_prefix('/') {
            Some(pointer) => {
                pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect()
            }
            None => path.split('.').map(str::to_owned).collect(),
        };
        let mut value = self.body();
        for (at, name) in names.iter().enumerate() {
            let below = match value {
                Json::Array(items) => name.parse().ok().and_then(|at: usize| items.get(at)),
                _ => value.get(name),
            };
            let Some(below) = below else {
                let here = names.get(..at).unwrap_or_default().join(".");
                let here = if here.is_empty() { "the body" } else { &here };
                return Err(match value.as_object() {
                    Some(map) => {
                        let names: Vec<_> = map.keys().map(String::as_str).collect();
                        format!("none: {here} has {}", names.join(", "))
                    }
                    None => format!("none: {here} is {value}"),
                });
            };
            value = below;
        }
        Ok(value)
    }
}
