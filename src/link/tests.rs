use proptest::prelude::*;

use super::{BadLink, LINK, Template, bad_name};
use crate::error::shown;

fn parse(text: &str) -> Result<Template, BadLink> {
    Template::parse(text, shown)
}

fn found(text: &str) -> String {
    let BadLink { expected, found } = parse(text).unwrap_err();
    assert!(!expected.contains("://") && !found.contains("://"), "{text}");
    found
}

#[test]
fn what_is_no_template_is_told_with_where_and_without_the_url() {
    let url = "https://logs.example";
    assert_eq!(found(&format!("{url}/?t={{trase_id}}")), "\"trase_id\" at character 25");
    assert_eq!(found(&format!("{url}/{{}}")), "nothing at character 22");
    assert_eq!(found(&format!("{url}/{{fields.}}")), "\"fields.\" at character 22");
    assert_eq!(found(&format!("{url}/a{{title")), "one alone at character 23");
    assert_eq!(found(&format!("{url}/}}{{title}}")), "one alone at character 22");
    assert_eq!(found(&format!("{url}/{{title}}}}")), "one alone at character 29");
    assert_eq!(found("https://{host}.example/"), "one in it");
    assert_eq!(found("https:///{title}/x"), "none");
    assert_eq!(found("https:////{title}"), "none");
    assert_eq!(found("ftp://logs.example/"), "another text");
    assert_eq!(found("https://ann:pw@logs.example/"), "one with");
    assert_eq!(found("https://logs.example/a b"), "what can't be read as one");
    assert_eq!(found("https://"), "none");
    assert_eq!(found(&format!("{url}/{}", "x".repeat(512))), "533 bytes");
}

#[test]
fn a_value_is_no_more_than_a_value() {
    let template = parse("http://logs.example:80/{target}?q={span.fields.http.id}#{title}");
    let value = |name: &str| Some(format!("{name}/../?&#%{{title}} é"));
    let value_of = |name: &str| format!("{name}%2F..%2F%3F%26%23%25%7Btitle%7D%20%C3%A9");
    let [target, id, title] = ["target", "span.fields.http.id", "title"].map(value_of);
    let link = format!("http://logs.example:80/{target}?q={id}#{title}");
    assert_eq!(template.unwrap().fill(value), Some(link));
}

#[test]
fn a_link_that_is_not_whole_is_none() {
    let template = parse("https://logs.example/{host}/{title}/{level}/{target}").unwrap();
    assert_eq!(template.fill(|name| (name != "level").then(|| "x".to_owned())), None);
    assert_eq!(template.fill(|_| Some(String::new())), None);
    let link = |value: &str| template.fill(|_| Some(value.repeat(300)));
    assert!(link("x").is_none_or(|link| link.len() <= LINK));
    assert_eq!(link("é"), None);
    assert!(template.fill(|_| Some("é".repeat(20))).is_some());
}

#[test]
fn a_name_is_a_plain_key() {
    for name in ["logs", "a", "grafana_2", &"x".repeat(32)] {
        assert_eq!(bad_name(name, shown), None);
    }
    for name in ["", "Logs", "a.b", "a b", "https://x", &"x".repeat(33)] {
        assert!(bad_name(name, shown).is_some(), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_a_value_is_it_changes_nothing_around_it(value in "\\PC{1,40}|[./?#&=%@:{}\\\\]{1,4}") {
        let template = parse("https://logs.example:80/a/{target}/b?q={title}&n=1#{level}").unwrap();
        let Some(link) = template.fill(|_| Some(value.clone())) else {
            prop_assert!(value == "." || value == "..");
            return Ok(());
        };
        let url = reqwest::Url::parse(&link).unwrap();
        prop_assert_eq!((url.host_str(), url.port()), (Some("logs.example"), Some(80)));
        prop_assert_eq!(url.path_segments().map(Iterator::count), Some(3));
        let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        prop_assert_eq!(names, ["q", "n"]);
        let query = url.query_pairs().next().map(|(_, value)| value.into_owned());
        prop_assert_eq!(query, Some(value));
    }

    #[test]
    fn no_text_is_too_odd_to_be_read(text in "(https://a[./{}a-z_é?]{0,40}|\\PC{0,60})") {
        if let Ok(template) = parse(&text) {
            let link = template.fill(|_| Some("x".to_owned()));
            prop_assert!(link.is_some_and(|link| reqwest::Url::parse(&link).is_ok()));
        }
    }
}
