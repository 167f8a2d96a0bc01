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
    assert_eq!(found("ftp://logs.example/"), "another text");
    assert_eq!(found("https://ann:pw@logs.example/"), "one with");
    assert_eq!(found("https://logs.example/a b"), "what can't be read as one");
    assert_eq!(found("https://"), "what can't be read as one");
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
