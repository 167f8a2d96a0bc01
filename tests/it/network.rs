//! What lies between the program and its webhook: names, proxies, and what the system runs out of.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_spike::{Guard, Handle, Incident, Stats};
use tracing_subscriber::Registry;

use crate::{
    child,
    rig::{TOKEN, eventually, rig_with},
};

pub(crate) mod names;

/// Pages a webhook that nobody is to reach.
fn pages(url: &str) -> (Guard, Handle) {
    let url = format!("{url}/{TOKEN}/push-events");
    let builder = tracing_spike::builder(url).service("it").shutdown_timeout(Duration::ZERO);
    let guard = builder.build::<Registry>().unwrap().1;
    let handle = guard.handle();
    (guard, handle)
}

fn first_failure(handle: &Handle) -> Stats {
    handle.trigger(Incident::new("disk full")).unwrap();
    eventually("an attempt has failed", || Some(handle.stats()).filter(|stats| stats.retries > 0))
}

// === proxies ===

/// A proxy that takes down all it is told before it closes each connection, or tunnels to a port.
fn proxy(tunnel_to: Option<u16>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::<Mutex<Vec<String>>>::default();
    let telling = Arc::clone(&told);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0)
            {
                head.extend(byte);
            }
            telling.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
            let Some(port) = tunnel_to else {
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
                continue;
            };
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            tunnel(stream, TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap(), &telling);
        }
    });
    (port, told)
}

/// Both ways, until both are closed; what the client sends is taken down.
fn tunnel(client: TcpStream, server: TcpStream, told: &Arc<Mutex<Vec<String>>>) {
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut answers, &mut back));
    let (mut client, mut server, told) = (client, server, Arc::clone(told));
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            told.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
            if server.write_all(&bytes[..read]).is_err() {
                return;
            }
        }
    });
}

/// Proxies for everything, with a password that is to be seen by them alone.
fn proxied(port: u16) -> Vec<(&'static str, String)> {
    let url = format!("http://user:proxy-password@127.0.0.1:{port}");
    let names =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    names.map(|name| (name, url.clone())).into()
}

fn as_str<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn f030_a_proxy_is_told_the_host_and_nothing_else() {
    use crate::{
        rig::{DEADLINE, leaks},
        tls::{Authority, HOST, OK, Server, pipeline},
    };
    const TEST: &str = "network::f030_a_proxy_is_told_the_host_and_nothing_else";
    let authority = Authority::new();
    let server = Server::with(authority.good(), OK);
    let (port, told) = proxy((!child::is_child(TEST)).then_some(server.port));
    let mut variables = proxied(port);
    variables.push(("ROOT", authority.pem.clone()));
    let ended = child::run(TEST, &as_str(&variables), || {
        let root = std::env::var("ROOT").unwrap();
        let guard = pipeline(HOST, 8443, |builder| builder.root_certificate(root.clone()));
        guard.handle().trigger(Incident::new("disk full")).unwrap();
        assert!(guard.handle().flush(DEADLINE).is_complete());
        // Twin: without it, the name leads nowhere.
        let guard =
            pipeline(HOST, 8443, |builder| builder.root_certificate(root.clone()).no_proxy());
        assert_eq!(first_failure(&guard.handle()).tls, 0);
    })
    .well();
    assert_eq!(ended.said("proxy-password"), 0, "{}", ended.stderr);
    let http = server.http();
    assert!(http.starts_with("POST /") && http.contains(&format!("host: {HOST}:8443")), "{http}");
    let told = told.lock().unwrap().clone();
    let heads: Vec<_> = told.iter().filter(|one| one.contains("HTTP/1.1")).collect();
    assert_eq!(heads.len(), 1, "one connection: {told:?}");
    assert!(heads[0].starts_with(&format!("CONNECT {HOST}:8443 HTTP/1.1\r\n")), "{told:?}");
    assert!(told.len() > 2 && told.iter().all(|one| leaks(one).is_none()), "{told:?}");
}

#[test]
#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn f030_a_proxy_that_refuses_or_is_not_there_is_retried_and_loses_nothing() {
    use crate::{rig::leaks, tls::HOST};
    const TEST: &str =
        "network::f030_a_proxy_that_refuses_or_is_not_there_is_retried_and_loses_nothing";
    let (refusing, told) = proxy(None);
    for (port, expected) in [(refusing, 1..), (1, 0..)] {
        let variables = proxied(port);
        let ended = child::run(TEST, &as_str(&variables), || {
            let (guard, handle) = pages(&format!("https://{HOST}"));
            let stats = first_failure(&handle);
            assert_eq!((stats.tls, stats.pending, stats.undelivered()), (0, 1, 0), "{stats:?}");
            drop(guard);
        })
        .well();
        assert_eq!(ended.said("proxy-password"), 0, "{}", ended.stderr);
        assert!(expected.contains(&told.lock().unwrap().len()));
    }
    assert!(told.lock().unwrap().iter().all(|one| leaks(one).is_none()));
}

#[test]
fn f030_between_two_local_sockets_there_is_no_proxy() {
    const TEST: &str = "network::f030_between_two_local_sockets_there_is_no_proxy";
    let (port, told) = proxy(None);
    child::run(TEST, &as_str(&proxied(port)), || {
        let rig = rig_with(|builder| builder);
        rig.handle().trigger(Incident::new("disk full")).unwrap();
        rig.flush();
    })
    .well();
    assert!(told.lock().unwrap().is_empty());
    // Twin: it takes down what it is told.
    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
    eventually("the proxy was told", || (told.lock().unwrap().len() == 1).then_some(()));
}

// === what the system runs out of ===

/// Takes all the file descriptors that this process may have; they are free when it is dropped.
fn all_files() -> Vec<File> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let used = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    setrlimit(Resource::Nofile, Rlimit { current: Some(used + 16), maximum }).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    assert!(files.len() >= 10, "{}", files.len());
    files
}

#[test]
fn f032_without_file_descriptors_nothing_is_lost_and_it_goes_on_when_there_are_some() {
    const TEST: &str =
        "network::f032_without_file_descriptors_nothing_is_lost_and_it_goes_on_when_there_are_some";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder);
        let files = all_files();
        let stats = first_failure(&rig.handle());
        assert_eq!((stats.pending, stats.undelivered(), rig.sandbox.received()), (1, 0, 0));
        drop(files);
        rig.flush();
        assert_eq!((rig.stats().delivered, rig.sandbox.open().len()), (1, 1));
    })
    .well();
}

#[test]
fn f032_without_a_network_nothing_is_lost() {
    const TEST: &str = "network::f032_without_a_network_nothing_is_lost";
    let work = || {
        // Even the loopback interface is down here, so it is unreachable.
        let (_guard, handle) = pages("http://127.0.0.1:9");
        let stats = first_failure(&handle);
        assert_eq!((stats.pending, stats.undelivered()), (1, 0), "{stats:?}");
    };
    if child::is_child(TEST) {
        child::run(TEST, &[], work);
    }
    if let Some(mut command) = unshared("-n") {
        child::run_with(TEST, &[], &mut command).well();
    }
}

#[test]
fn f064_a_runtime_that_can_not_be_made_is_an_error_and_no_panic() {
    const TEST: &str = "network::f064_a_runtime_that_can_not_be_made_is_an_error_and_no_panic";
    let ended = child::run(TEST, &[], || {
        let url = format!("http://127.0.0.1:9/{TOKEN}/push-events");
        let build = || tracing_spike::builder(&url).build::<Registry>().map(drop);
        let files = all_files();
        let error = build().unwrap_err();
        drop(files);
        assert_eq!(error.to_string(), "the worker's runtime could not be started");
        assert!(std::error::Error::source(&error).is_some() && !error.is_config());
        build().unwrap();
    })
    .well();
    assert_eq!(ended.said("panicked"), 0, "{}", ended.stderr);
}

#[test]
#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
fn f064_tls_that_is_not_compiled_in_is_an_error_that_names_the_features() {
    let url = format!("https://relay.example/{TOKEN}/push-events");
    let error = tracing_spike::builder(url).build::<Registry>().map(drop).unwrap_err();
    assert!(error.is_config() && error.to_string().contains("rustls-no-provider"), "{error}");
}

/// The test binary, to be started without what `flag` of unshare takes away; `None` (and said
/// why) where the system does not allow that.
fn unshared(flag: &str) -> Option<Command> {
    let may = Command::new("unshare").args([flag, "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: unshare {flag} does not work here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.arg(flag).arg(std::env::current_exe().unwrap());
    Some(command)
}
