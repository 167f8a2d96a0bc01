//! Runs every cell in a process of its own, and tells what came of it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

use crate::{
    Wanted,
    cases::{CASES, Kind},
    measure::median,
    sink,
};

/// What the versions are told of.
const PEERS: [&str; 10] = [
    "opentelemetry-appender-tracing",
    "opentelemetry_sdk",
    "sentry",
    "sentry-tracing",
    "tracing",
    "tracing-appender",
    "tracing-core",
    "tracing-loki",
    "tracing-spike",
    "tracing-subscriber",
];

pub fn run(wanted: &Wanted) {
    let (alive, dead) = (sink::accepting().to_string(), sink::dead().to_string());
    let counts = Command::new("valgrind").arg("--version").output().is_ok();
    if !counts {
        println!("no instructions: they need valgrind (`apt install valgrind`, `brew install …`)");
    }
    let versions = versions();
    let told = |(name, version): (&String, &String)| format!("{name} {version}");
    println!("{}", versions.iter().map(told).collect::<Vec<_>>().join(", "));
    let mut all = Map::new();
    for case in CASES.iter().filter(|case| wanted.cases.iter().any(|name| name == case.name)) {
        let mut cells = Map::new();
        println!("\n{}", header(case.name, case.kind));
        for contender in &wanted.contenders {
            let sink = if matches!(case.kind, Kind::Dead { .. }) { &dead } else { &alive };
            let effort = if wanted.quick { "quick" } else { "full" };
            let mut cell = child(None, &[contender, case.name, effort, sink]);
            if counts && matches!(case.kind, Kind::Op { .. }) {
                let calls = child(Some(&mut cell), &[contender, case.name, "count", sink]);
                let sum = cell["instructions"].as_f64().unwrap_or(f64::NAN);
                cell["instructions"] = json!(sum / calls["calls"].as_f64().unwrap_or(f64::NAN));
            }
            println!("{}", row(contender, &cell, cells.get("visit"), case.kind));
            cells.insert(contender.clone(), cell);
        }
        all.insert(case.name.to_owned(), Value::Object(cells));
    }
    let file = write(&json!({ "versions": versions, "cases": all }));
    println!("\nwritten to {}", file.display());
}

/// The versions that this was built with, of its own lock file.
fn versions() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for package in include_str!("../Cargo.lock").split("[[package]]") {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_matches(['"', ' ', '=']).to_owned())
        };
        if let Some((name, version)) = field("name").zip(field("version"))
            && PEERS.contains(&name.as_str())
        {
            found.insert(name, version);
        }
    }
    found
}

fn write(told: &Value) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let file = target.join("peers.json");
    let text = serde_json::to_string_pretty(told).expect("JSON");
    fs::create_dir_all(&target).and_then(|()| fs::write(&file, text)).expect("room for peers.json");
    file.canonicalize().unwrap_or(file)
}

/// What a process of this program says; `counted`: under callgrind, which says what it has counted.
fn child(counted: Option<&mut Value>, args: &[&str]) -> Value {
    let this = env::current_exe().expect("this program");
    let mut command = match counted {
        Some(_) => Command::new("valgrind"),
        None => Command::new(&this),
    };
    if counted.is_some() {
        let file = env::var("PEERS_CALLGRIND").unwrap_or_else(|_| "/dev/null".to_owned());
        command.args(["--tool=callgrind", "--toggle-collect=peers_region"]);
        command.arg(format!("--callgrind-out-file={file}")).arg(&this);
    }
    // A proxy would be asked for loopback, too.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        command.env_remove(name);
    }
    let run = command.arg("child").args(args).output().expect("a process");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{args:?}: {said}");
    if let Some(cell) = counted {
        let collected = said.split_once("Collected : ").map(|(_, rest)| rest);
        let sum = collected.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        cell["instructions"] = json!(sum);
    }
    let line = String::from_utf8_lossy(&run.stdout);
    serde_json::from_str(line.trim()).unwrap_or_else(|_| panic!("{args:?}: {line} {said}"))
}

fn header(case: &str, kind: Kind) -> String {
    match kind {
        Kind::Op { .. } => format!(
            "{case:13} instructions      of visit   allocations     bytes     ns (least … most)"
        ),
        Kind::Storm { .. } | Kind::Dead { .. } => format!(
            "{case:13}   million/s (least … most)   of visit    p50 ns    p99 ns  p99.9 ns   MiB"
        ),
    }
}

fn row(contender: &str, cell: &Value, visit: Option<&Value>, kind: Kind) -> String {
    let number = |name: &str| cell[name].as_f64().unwrap_or(f64::NAN);
    let list = |cell: &Value, name: &str| -> Vec<f64> {
        cell[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let spread = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        (median(values), least, values.iter().copied().fold(0.0, f64::max))
    };
    if matches!(kind, Kind::Op { .. }) {
        let (middle, least, most) = spread(&list(cell, "ns"));
        let floor = visit.and_then(|cell| cell["instructions"].as_f64());
        let ratio = number("instructions") / floor.unwrap_or(number("instructions"));
        return format!(
            "  {contender:11} {:12.1} {ratio:13.2} {:13.2} {:9.0} {middle:10.1} ({least:.1} … {most:.1})",
            number("instructions"),
            number("allocations"),
            number("bytes"),
        );
    }
    let (middle, least, most) = spread(&list(cell, "events_per_s"));
    let floor = visit.map_or(middle, |cell| median(&list(cell, "events_per_s")));
    format!(
        "  {contender:11} {:9.3} ({:.3} … {:.3}) {:14.2} {:9.0} {:9.0} {:9.0} {:5.1}",
        middle / 1e6,
        least / 1e6,
        most / 1e6,
        middle / floor,
        number("p50_ns"),
        number("p99_ns"),
        number("p999_ns"),
        number("rss_kib") / 1024.0,
    )
}
