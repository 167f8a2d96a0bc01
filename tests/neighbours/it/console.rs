//! `console-subscriber`: it sees the tasks, and we don't see its spans.

use std::{fs, path::Path};

use console_subscriber::ConsoleLayer;
use tracing::{error, info_span};

use crate::rig::{Other, between, eventually};

#[test]
fn it_sees_the_tasks_and_ours_page() {
    let recording = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console.jsonl");
    fs::remove_file(&recording).ok();
    let console =
        ConsoleLayer::builder().server_addr(([127, 0, 0, 1], 0)).recording_path(&recording).spawn();
    let rig = between(Box::new(console) as Other, None);
    rig.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let task = tokio::task::Builder::new().name("import of orders").spawn(async {
                let _request = info_span!("request", id = 7).entered();
                error!("card payment failed");
            });
            task.unwrap().await.unwrap();
        });
    });
    let incidents = rig.delivered();
    assert_eq!(rig.titles(), ["card payment failed in it::console"]);
    // `runtime.spawn` is a span of tokio's at TRACE.
    assert_eq!(incidents[0].body()["span"]["path"], "request");
    eventually("the console has the task", || {
        let text = fs::read_to_string(&recording).unwrap_or_default();
        text.contains("import of orders").then_some(())
    });
}
