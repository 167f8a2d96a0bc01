//! What a program may change about titles, and what bounds them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tracing::{error, info, info_span, warn};
use tracing_spike::{
    Builder, Incident, Mode,
    title::{MAX_CHARS, TitleParts, Titles},
};
use tracing_subscriber::Registry;

mod fold;
mod golden;
mod groups;
mod literals;

use crate::{
    child,
    context::{Alone, alone, titles},
    rig::{DEADLINE, Rig, TOKEN, leaks, rig, rig_with},
};

/// A pipeline whose titles this closure writes.
fn custom<F>(write: F) -> Rig
where
    F: Fn(&TitleParts<'_>, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
{
    rig_with(|builder| builder.titles(Titles::text().custom(write)))
}

/// The title of the one incident that `work` opens.
fn title(rig: &Rig, work: impl FnOnce()) -> String {
    rig.paged_one(work).title().to_owned()
}

#[test]
fn a_message_of_marks_gives_way_to_the_error() {
    let rig = rig();
    for message in ["...", "\u{200b}", " - ", ""] {
        rig.run(|| error!(error = "no route", "{message}"));
    }
    rig.run(|| error!(error = "no route", "?!"));
    let incidents = rig.paged(|| ());
    assert_eq!(titles(&incidents), ["no route in it::titles", "?! in it::titles"]);
}

// === short ===

#[test]
fn short_titles_are_one_for_each_call_site() {
    let rig = rig_with(|builder| builder.titles(Titles::text().short()));
    let incidents = rig.paged(|| {
        for reason in ["timeout after 31 s", "connection refused", "declined: no funds"] {
            error!("card payment failed: {reason}");
        }
        error!(error = "disk full: sector is bad");
        error!(spike.title = "meant: as it is", "x");
    });
    let expected =
        ["card payment failed in it::titles", "disk full in it::titles", "meant: as it is"];
    assert_eq!(titles(&incidents), expected);
    assert_eq!(incidents[0].body()["message"], "card payment failed: timeout after 31 s");
    rig.paged(|| info!(spike.status = "resolve", "card payment failed: of another reason"));
    assert!(rig.sandbox.open().iter().all(|open| !open.title().starts_with("card payment")));
}

// === custom ===

#[test]
fn a_closure_writes_the_title_of_triggers_and_resolves() {
    let rig = custom(|parts, out| write!(out, "{} [eu]", parts.title));
    let expected = "card payment # failed in it::titles [eu]";
    assert_eq!(title(&rig, || error!("card payment {} failed", 7)), expected);
    assert_eq!(rig.sandbox.open().len(), 1);
    rig.paged(|| info!(spike.status = "resolve", "card payment {} failed", 8));
    assert_eq!(rig.sandbox.open().len(), 0);
    let given = rig.paged(|| error!(spike.title = "as it is", "x"));
    assert_eq!(given[1].title(), "as it is", "the event's own title wins");
    rig.handle().trigger(Incident::new("by hand")).unwrap();
    rig.flush();
    assert_eq!(rig.sandbox.incidents()[2].title(), "by hand");
}

#[test]
fn a_closure_sees_what_is_known_of_the_event() {
    let rig = custom(|parts, out| {
        let TitleParts { title, message, error, target, level, span, file, .. } = parts;
        let file = file.and_then(|file| file.rsplit('/').next());
        assert!(parts.line.is_some());
        write!(out, "{title}|{message}|{error:?}|{target}|{level}|{span:?}|{file:?}")
    });
    let titled = title(&rig, || {
        let _outer = info_span!("outer").entered();
        let _inner = info_span!("inner").entered();
        warn!(target: "shop", { spike = true, error = "declined 7" }, "payment {} failed", 7);
    });
    let expected = "payment # failed in shop|payment 7 failed|Some(\"declined 7\")|shop|WARN|\
                    Some(\"inner\")|Some(\"titles.rs\")";
    assert_eq!(titled, expected);
    let titled = rig.paged(|| error!(target: "shop", attempt = 3))[1].title().to_owned();
    assert_eq!(titled, "error with attempt in shop||None|shop|ERROR|None|Some(\"titles.rs\")");
}

#[test]
fn a_closure_that_copies_the_derived_title_changes_nothing() {
    fn events() {
        error!("...");
        error!(error = "lost 7", "...");
        error!(error = "lost 7");
        error!(order_id = 7, attempt = 1);
        info_span!("load").in_scope(|| error!(error = "lost 7", ""));
        error!("{}", "word ".repeat(100));
    }
    let rigs = [rig(), custom(|parts, out| out.write_str(parts.title))];
    let [without, with] = rigs.map(|rig| {
        let mut titles: Vec<_> =
            rig.paged(events).iter().map(|incident| incident.title().to_owned()).collect();
        titles.sort();
        titles
    });
    assert!(without.len() >= 5, "{without:?}");
    assert_eq!(without, with);
}

#[test]
fn what_a_closure_writes_is_cleaned_cut_and_without_the_token() {
    let rig = custom(|parts, out| match parts.message {
        "token" => write!(out, "{} token {TOKEN}", "x ".repeat(1_020)),
        "markup" => out.write_str(" <!channel>\u{202e}\n\ndb 7 "),
        message => out.write_str(&message.repeat(100)),
    });
    let incidents = rig.paged(|| {
        error!("markup");
        error!("one word ");
        error!("two word ");
        error!("token");
    });
    let titles = titles(&incidents);
    assert_eq!(titles[0], "!channel db 7");
    for title in &titles[1..] {
        assert!(title.chars().count() <= MAX_CHARS, "{title}");
        let (_, hash) = title.rsplit_once("... ").unwrap();
        assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{title}");
        assert_eq!(leaks(title), None);
    }
}

#[test]
fn a_closure_that_panics_fails_or_says_nothing_leaves_the_derived_title() {
    let rig = custom(|parts, out| {
        out.write_str("half")?;
        match parts.message {
            "panics" => panic!("in the closure of a title"),
            "fails" => Err(fmt::Error),
            _ => Ok(()),
        }
    });
    let incidents = rig.paged(|| {
        error!("panics");
        error!("fails");
        error!("is fine");
    });
    assert_eq!(titles(&incidents), ["panics in it::titles", "fails in it::titles", "half"]);
    rig.paged(|| info!(spike.status = "resolve", "panics"));
    assert_eq!(rig.sandbox.open().len(), 2, "trigger and resolve agree");
    let stats = rig.stats();
    assert_eq!((stats.panicked_titles, stats.panicked_fields, stats.ignored.failed), (2, 0, 0));
    let silent = custom(|_, out| out.write_str("\u{200b} \n"));
    assert_eq!(title(&silent, || error!("seen")), "seen in it::titles");
    assert_eq!(silent.stats().panicked_titles, 0);
}

/// Panics when it is dropped, as a payload can.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "the payload was dropped");
    }
}

#[test]
fn a_payload_that_panics_again_is_never_dropped() {
    let rig = custom(|_, _| std::panic::panic_any(Bomb));
    assert_eq!(title(&rig, || error!("panics")), "panics in it::titles");
    assert_eq!(rig.stats().panicked_titles, 1);
}

#[test]
fn a_closure_that_writes_without_end_is_stopped() {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let rig = custom(move |_, out| {
        for _ in 0..1 << 20 {
            out.write_str(&"kilobyte".repeat(128))?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let titled = title(&rig, || error!("endless"));
    assert!(titled.starts_with("kilobytekilobyte") && titled.chars().count() <= MAX_CHARS);
    assert!(written.load(Ordering::Relaxed) < 4, "an error stopped it");
    let stubborn = custom(|_, out| {
        (0..10_000).for_each(|_| {
            out.write_str("on and on ").ok();
        });
        Ok(())
    });
    assert!(title(&stubborn, || error!("endless")).starts_with("on and on on"));
}

#[test]
fn a_closure_may_log_flush_and_trigger() {
    let test = "titles::a_closure_may_log_flush_and_trigger";
    child::run(test, &[], || {
        let handle = Arc::new(std::sync::OnceLock::<tracing_spike::Handle>::new());
        let inner = Arc::clone(&handle);
        let write = move |parts: &TitleParts<'_>, out: &mut dyn fmt::Write| {
            error!("logged inside of {}", parts.title);
            info_span!("inside", made = 1).in_scope(|| error!("and in a span"));
            if let Some(handle) = inner.get() {
                handle.trigger(Incident::new("by hand")).unwrap();
                assert!(handle.flush(DEADLINE).is_complete());
            }
            write!(out, "{} [eu]", parts.title)
        };
        let titled = |builder: Builder| builder.titles(Titles::text().custom(write));
        let mut spike: Alone = alone(titled).everywhere();
        assert!(handle.set(spike.handle.clone()).is_ok());
        error!("outer");
        let incidents = spike.delivered();
        assert_eq!(titles(&incidents), ["by hand", "outer in it::titles [eu]"]);
        let stats = spike.finish();
        assert_eq!((stats.ignored.reentrant, stats.panicked_titles), (2, 0), "{stats:?}");
    })
    .well();
}

#[test]
fn settings_of_titles_show_what_they_are() {
    let titles = Titles::text().short().custom(|_, _| Ok(()));
    assert_eq!(format!("{titles:?}"), "Titles::text().short().custom(..)");
    assert_eq!(format!("{:?}", Titles::default()), "Titles::text()");
    let builder = tracing_spike::from_env().titles(titles.clone()).group_by(["tenant"]);
    let shown = format!("{builder:?}");
    assert!(shown.contains("titles: Titles::text().short().custom(..)"), "{shown}");
    assert!(shown.contains("group_by: [\"tenant\"]"), "{shown}");
    fn is_safe<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>(_: &T) {}
    is_safe(&titles);
    is_safe(&builder);
    let (layer, guard) = builder.mode(Mode::Off).build::<Registry>().unwrap();
    is_safe(&layer);
    drop(guard);
}
