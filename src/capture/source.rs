//! What the path of a source file says of whose it is: `hyper/proto/h1.rs`.
//!
//! Pure. Invariant: nothing in it changes with a release, a checkout or a machine, as long as the
//! file stays where it is in its crate.

/// Writes the place of a source file: its crate's directory, without a version, and its path below
/// `src`. In the root of a workspace that directory has no name, and `root` stands for it. A file
/// outside any `src` is called by its path in the workspace, or by its last two names.
pub(crate) fn place(file: &str, root: &str, out: &mut String) {
    let names: Vec<&str> = file.split(['/', '\\']).filter(|name| *name != ".").collect();
    let Some(src) = names.iter().rposition(|name| *name == "src") else {
        let is_absolute = file.starts_with(['/', '\\']) || file.contains(':');
        let first = if is_absolute { names.len().saturating_sub(2) } else { 0 };
        return join(names.get(first..).unwrap_or_default(), out);
    };
    let (above, below) = names.split_at(src);
    let (krate, path) = match (above, below) {
        // A package without a `src`.
        ([.., "registry"], [_src, _index, package, path @ ..]) => (without_version(package), path),
        // A checkout is called by the commit, in a directory that is called by the repository.
        ([.., "checkouts", repository, _commit], [_src, path @ ..]) => {
            (without_hash(repository), path)
        }
        ([.., "" | ".."] | [], [_src, path @ ..]) => (root, path),
        ([.., name], [_src, path @ ..]) => (without_version(name), path),
        (_, []) => return,
    };
    if !krate.is_empty() {
        out.push_str(krate);
        out.push('/');
    }
    join(path, out);
}

fn join(names: &[&str], out: &mut String) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push('/');
        }
        out.push_str(name);
    }
}

/// `hyper` of `hyper-1.4.1`: up to what only a version has, a dot between two digits behind a
/// hyphen.
fn without_version(name: &str) -> &str {
    let is_version = |text: &str| {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < text.len() && rest.starts_with('.')
    };
    let mut parts = name.match_indices('-');
    let version = parts.find(|(at, _)| name.get(at.saturating_add(1)..).is_some_and(is_version));
    version.and_then(|(at, _)| name.get(..at)).unwrap_or(name)
}

/// `hyper` of `hyper-9d2b4f0a6c1e8350`.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((name, hash)) if hash.chars().all(|c| c.is_ascii_hexdigit()) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn f058_a_file_is_called_by_its_crate_and_its_path_in_it() {
        let registry = "/usr/local/cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
        let checkout = "/usr/local/cargo/git/checkouts/hyper-9d2b4f0a6c1e8350/1a2b3c4";
        let cases = [
            (format!("{registry}/hyper-1.4.1/src/proto/h1.rs"), "hyper/proto/h1.rs"),
            (format!("{registry}/a-b2-0.1.0-rc.1+meta/src/lib.rs"), "a-b2/lib.rs"),
            (
                format!("{registry}/ripgrep-14.1.0/crates/core/main.rs"),
                "ripgrep/crates/core/main.rs",
            ),
            (format!("{checkout}/src/lib.rs"), "hyper/lib.rs"),
            (format!("{checkout}/crates/util/src/lib.rs"), "util/lib.rs"),
            ("crates/billing/src/lib.rs".to_owned(), "billing/lib.rs"),
            ("crates/billing-2/src/lib.rs".to_owned(), "billing-2/lib.rs"),
            (r"crates\billing\src\cards\mod.rs".to_owned(), "billing/cards/mod.rs"),
            (r"C:\work\shop\api\src\main.rs".to_owned(), "api/main.rs"),
            ("src/users.rs".to_owned(), "shop/users.rs"),
            ("./src/users.rs".to_owned(), "shop/users.rs"),
            ("/src/users.rs".to_owned(), "shop/users.rs"),
            ("tests/it/panics.rs".to_owned(), "tests/it/panics.rs"),
            ("/b/target/debug/build/api-1f/out/api.rs".to_owned(), "out/api.rs"),
            (r"C:\b\out\api.rs".to_owned(), "out/api.rs"),
            (format!("/rustc/{}/library/core/src/option.rs", "5".repeat(40)), "core/option.rs"),
            (String::new(), ""),
        ];
        for (file, expected) in cases {
            let mut out = String::new();
            place(&file, "shop", &mut out);
            assert_eq!(out, expected, "{file}");
        }
    }
}
