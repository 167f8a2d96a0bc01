use super::{Recall, shape::LONGEST};
use tracing::Metadata;

/// Two call sites.
fn sites() -> [&'static Metadata<'static>; 2] {
    use tracing::{callsite, callsite::Callsite, metadata::Kind};
    let one = callsite! { name: "one", kind: Kind::EVENT, fields: message };
    let two = callsite! { name: "two", kind: Kind::EVENT, fields: message };
    [one.metadata(), two.metadata()]
}

#[test]
fn a_message_is_known_by_its_layer_its_call_site_and_all_but_the_digits_of_its_numbers() {
    let ([here, there], mut recall) = (sites(), Recall::default());
    let mut knows = |layer, site: &'static Metadata<'static>, message: &str| {
        recall.begin(Some((layer, site)));
        let known = recall.knows(message);
        assert_eq!(known, recall.title().is_some());
        assert_eq!(known, recall.is_known());
        if !known {
            recall.reserve();
            recall.remember(&format!("{message}{}", "!".repeat(70)), 5, 9);
            return None;
        }
        recall.title().map(|(title, place, key)| (title.to_owned(), place, key))
    };
    let message = "card payment 4711 failed";
    assert_eq!(knows(1, here, message), None);
    let title = format!("{message}{}", "!".repeat(70));
    let known = Some((title, 5, 9));
    assert_eq!(knows(1, here, message), known);
    assert_eq!(knows(1, here, "card payment 4712 failed"), known);
    assert_eq!(knows(1, here, "card payment 4x12 failed"), None);
    assert_eq!(knows(1, here, "card payment 47113 failed"), None);
    assert_eq!(knows(1, here, message), known);
    assert_eq!(knows(1, there, message), None, "another call site");
    assert_eq!(knows(2, here, message), None, "another layer");
    assert_eq!(knows(2, here, message), known);
    let long = "x".repeat(LONGEST + 1);
    assert_eq!((knows(1, here, &long), knows(1, here, &long)), (None, None), "too long");
    let long = "é".repeat(LONGEST / 2);
    assert_eq!(knows(1, here, &long), None);
    assert_eq!(knows(1, here, &long), None, "its title is too long");
}

#[test]
fn what_is_forgotten_or_of_nobody_is_not_remembered() {
    let ([here, _], mut recall) = (sites(), Recall::default());
    for source in [None, Some((1, here))] {
        recall.begin(source);
        assert!(!recall.knows("a"));
        recall.forget();
        recall.reserve();
        recall.remember("b", 1, 2);
        recall.begin(Some((1, here)));
        assert!(!recall.knows("a") && recall.title().is_none());
    }
    recall.reserve();
    recall.remember("b", 1, 2);
    recall.begin(Some((1, here)));
    assert!(recall.knows("a"), "the twin");
}
