//! The builder's links, checked.

use crate::{
    error::{Error, Kind, shown},
    link::{BadLink, LINKS, Template, bad_name},
    webhook::Tokens,
};

/// The links, by name. An error tells a name only if it is a good one.
pub(super) fn parse(links: &[(String, String)]) -> Result<Vec<(String, Template)>, Error> {
    let fail = |name: &str, BadLink { expected, found }: BadLink| {
        Error::new(Kind::Link { name: name.to_owned(), expected: expected.into(), found })
    };
    let bad = |expected: &str, found: &str| BadLink {
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    if links.len() > LINKS {
        return Err(fail("", bad("8 links at most", &links.len().to_string())));
    }
    let mut parsed: Vec<(String, Template)> = Vec::with_capacity(links.len());
    for (name, text) in links {
        if let Some(bad) = bad_name(name, shown) {
            return Err(fail("", bad));
        }
        if parsed.iter().any(|(earlier, _)| earlier == name) {
            return Err(fail(name, bad("one link of a name", "two")));
        }
        let template = Template::parse(text, shown).map_err(|bad| fail(name, bad))?;
        parsed.push((name.clone(), template));
    }
    Ok(parsed)
}

/// Fails if our own token is in one: links are sent, and read by people.
pub(super) fn check<'a>(
    mut templates: impl Iterator<Item = &'a Template>,
    tokens: &Tokens,
) -> Result<(), Error> {
    if templates.any(|template| template.texts().any(|text| tokens.are_in(text))) {
        let (expected, found) = ("a URL without the token of a webhook", "one with");
        let (name, expected, found) = (String::new(), expected.into(), found.to_owned());
        return Err(Error::new(Kind::Link { name, expected, found }));
    }
    Ok(())
}
