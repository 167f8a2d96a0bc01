//! Why an event pages, and why it does not, in words.
//!
//! Pure: it tells what the rules say, and decides nothing.

use std::sync::Arc;

use tracing::{Level, Metadata};

use crate::{
    capture::{event::is_control, in_force::InForce, routes::Routes},
    witness::Explain,
};

/// The rules of a pipeline, to be told.
#[derive(Clone, Debug)]
pub(crate) struct Why {
    rules: Arc<InForce>,
    routes: Arc<Routes>,
}

impl Why {
    pub(crate) fn new(rules: &Arc<InForce>, routes: &Arc<Routes>) -> Self {
        Self { rules: Arc::clone(rules), routes: Arc::clone(routes) }
    }
}

impl Explain for Why {
    fn why(&self, level: Level, target: &str, callsite: Option<&Metadata<'_>>) -> String {
        let (rule, wanted) = self.rules.rule_of(target);
        let mut why = match level <= wanted {
            true => format!("{level}, filter `{rule}`"),
            false => format!("{level}, by its {}", wishes(callsite)),
        };
        let rules: Vec<&str> = self.routes.targets_of(target).collect();
        match rules.as_slice() {
            [] => {}
            [one] => why.push_str(&format!(", rule {one}")),
            several => why.push_str(&format!(", rules {}", several.join(", "))),
        }
        why
    }
}

/// The fields of an event by which it may page whatever its level.
fn wishes(callsite: Option<&Metadata<'_>>) -> String {
    let fields = callsite.into_iter().flat_map(|meta| meta.fields().iter());
    let names = fields.map(|field| field.name()).filter(|name| is_control(name));
    match names.collect::<Vec<_>>().as_slice() {
        [] => "spike field".to_owned(),
        [one] => format!("field {one}"),
        several => format!("fields {}", several.join(", ")),
    }
}

#[cfg(feature = "testing")]
impl Why {
    /// Why an event like this does not page, if its fields have nothing to do with it.
    pub(crate) fn why_not(&self, meta: &Metadata<'_>) -> Option<String> {
        use crate::capture::filter::Concern;
        let level = meta.level();
        if *level > Level::INFO {
            return Some(format!("{level} never pages"));
        }
        let (rule, _) = self.rules.rule_of(meta.target());
        match self.rules.concern(meta) {
            Concern::No | Concern::Told if rule.ends_with("off") => {
                Some(format!("off by the filter `{rule}`"))
            }
            Concern::No | Concern::Told => Some(format!("{level} is below the filter `{rule}`")),
            Concern::Level | Concern::Field | Concern::ResolveOnly => None,
        }
    }
}
