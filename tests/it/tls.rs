//! What TLS refuses, before a byte of HTTP, and what it trusts; and that the program's own TLS is
//! left as it is.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tracing_spike::{Builder, Guard, Incident, Stats};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child,
    rig::{DEADLINE, TOKEN, Written, eventually, leaks},
};

/// The name that the good certificate is for, beside 127.0.0.1.
pub(crate) const HOST: &str = "relay.example";

/// An authority, as an operator has one for the own network.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate with its key.
pub(crate) struct Identity(CertificateDer<'static>, KeyPair);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Else it has the name of what it signs, which then looks like self-signed.
        params.distinguished_name.push(DnType::CommonName, "the operator's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn signs(&self, hosts: &[&str], until: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = params(hosts, until);
        Identity(params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }

    pub(crate) fn good(&self) -> Identity {
        self.signs(&["127.0.0.1", HOST], 2100)
    }
}

fn params(hosts: &[&str], until: i32) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

fn self_signed() -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["127.0.0.1"], 2100).self_signed(&key).unwrap();
    Identity(certificate.der().clone(), key)
}

/// A server for one connection after the other, and all that it was told.
pub(crate) struct Server {
    pub(crate) port: u16,
    told: Arc<Mutex<Told>>,
    stopped: Arc<AtomicBool>,
}

#[derive(Clone, Debug, Default)]
struct Told {
    connections: usize,
    /// What came over the wire, of servers that do not speak TLS.
    raw: Vec<u8>,
    http: Vec<u8>,
}

impl Server {
    fn start(serve: impl Fn(TcpStream, &Mutex<Told>) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, stopped) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let server = Self { port, told: Arc::clone(&told), stopped: Arc::clone(&stopped) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let stream = stream.unwrap();
                told.lock().unwrap().connections += 1;
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                serve(stream, &told);
            }
        });
        server
    }

    /// Speaks TLS with this certificate, and answers each request so.
    pub(crate) fn with(identity: Identity, answer: &'static [u8]) -> Self {
        let Identity(certificate, key) = identity;
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        Self::start(move |mut tcp, told| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
            let mut bytes = [0; 4096];
            loop {
                match stream.read(&mut bytes) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => told.lock().unwrap().http.extend_from_slice(&bytes[..read]),
                }
                if told.lock().unwrap().http.ends_with(b"}") {
                    // Neither does it say goodbye when it closes.
                    stream.write_all(answer).unwrap();
                    stream.flush().unwrap();
                    return;
                }
            }
        })
    }

    fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn http(&self) -> String {
        String::from_utf8(self.told().http).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"Ok\":true}";

/// A pipeline to a server that speaks TLS.
pub(crate) fn pipeline(host: &str, port: u16, set: impl FnOnce(Builder) -> Builder) -> Guard {
    let url = format!("https://{host}:{port}/{TOKEN}/push-events");
    let builder = tracing_spike::builder(url).shutdown_timeout(Duration::ZERO);
    set(builder.service("it")).build::<Registry>().unwrap().1
}

/// What an incident comes to at a server whose authority is trusted, by its first failure.
fn tried(server: &Server, authority: &Authority) -> Stats {
    let guard =
        pipeline("127.0.0.1", server.port, |builder| builder.root_certificate(&*authority.pem));
    let handle = guard.handle();
    handle.trigger(Incident::new("disk full")).unwrap();
    eventually("an attempt has ended", || {
        let stats = handle.stats();
        (stats.retries + stats.delivered > 0).then_some(stats)
    })
}

#[test]
fn f027_what_has_no_valid_certificate_is_told_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let bad = [
        ("self-signed", self_signed()),
        ("expired", authority.signs(&["127.0.0.1"], 2001)),
        ("for another host", authority.signs(&[HOST, "127.0.0.2"], 2100)),
        ("of an unknown authority", other.good()),
    ];
    for (what, identity) in bad {
        let server = Server::with(identity, OK);
        let stats = tried(&server, &authority);
        assert_eq!((stats.retries, stats.tls), (1, 1), "{what}: {stats:?}");
        assert_eq!((stats.pending, stats.undelivered()), (1, 0), "{what}: {stats:?}");
        let told = server.told();
        assert_eq!((told.connections, told.http.len()), (1, 0), "{what}: {told:?}");
    }
    // Twin: the same, with a certificate of the authority that is right.
    let server = Server::with(authority.good(), OK);
    let stats = tried(&server, &authority);
    assert_eq!((stats.delivered, stats.unverified, stats.tls), (1, 0, 0), "{stats:?}");
    let http = server.http();
    assert!(http.starts_with("POST /") && leaks(&http).is_some(), "the request came");
}

#[test]
fn f027_what_does_not_speak_tls_as_of_today_is_told_nothing() {
    // The head of a handshake that goes on with TLS 1.0: version, random, no session, a cipher.
    let mut tls_1_0 = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    tls_1_0.extend([7; 32]);
    tls_1_0.extend([0, 0, 0x2f, 0]);
    let refusing = vec![0x15, 3, 1, 0, 2, 2, 70];
    let plain = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec();
    for answer in [tls_1_0, refusing, plain] {
        let what = format!("{:?}", answer.get(..11));
        let server = Server::start(move |mut stream, told| {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap();
            told.lock().unwrap().raw.extend_from_slice(&bytes[..read]);
            stream.write_all(&answer).unwrap();
            loop {
                match stream.read(&mut bytes) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => told.lock().unwrap().raw.extend_from_slice(&bytes[..read]),
                }
            }
        });
        let stats = tried(&server, &Authority::new());
        assert_eq!((stats.tls, stats.pending), (1, 1), "{what}: {stats:?}");
        let raw = server.told().raw;
        assert_eq!(raw.first(), Some(&0x16), "{what}: a handshake");
        let text = String::from_utf8_lossy(&raw);
        assert!(!text.contains("POST") && leaks(&text).is_none(), "{what}: {text}");
    }
}

#[test]
fn f027_a_handshake_that_hangs_ends_like_a_connection_that_does() {
    let server = Server::start(|mut stream, told| {
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes);
        assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() != ErrorKind::TimedOut));
        told.lock().unwrap().raw.extend(bytes);
    });
    let start = Instant::now();
    let stats = tried(&server, &Authority::new());
    let took = start.elapsed();
    assert!((3..6).contains(&took.as_secs()), "{took:?}");
    assert_eq!((stats.retries, stats.tls, stats.pending), (1, 0, 1), "{stats:?}");
    let raw =
        eventually("the connection ends", || Some(server.told().raw).filter(|raw| !raw.is_empty()));
    assert!(leaks(&String::from_utf8_lossy(&raw)).is_none());
}

#[test]
fn f027_an_answer_is_one_even_if_nobody_says_goodbye() {
    let authority = Authority::new();
    for (answer, unverified) in [(OK, 0), (&b"HTTP/1.1 200 OK\r\n\r\n{\"Ok\":tr"[..], 1)] {
        let server = Server::with(authority.good(), answer);
        let stats = tried(&server, &authority);
        assert_eq!((stats.delivered, stats.unverified), (1, unverified), "{stats:?}");
    }
}

#[test]
fn f042_f044_what_tls_logs_on_our_thread_pages_nobody_and_tells_no_token() {
    const TEST: &str = "tls::f042_f044_what_tls_logs_on_our_thread_pages_nobody_and_tells_no_token";
    child::run(TEST, &[], || {
        let authority = Authority::new();
        let server = Server::with(self_signed(), OK);
        let url = format!("https://127.0.0.1:{}/{TOKEN}/push-events", server.port);
        let builder = tracing_spike::builder(url).shutdown_timeout(Duration::ZERO);
        let (spike, guard) =
            builder.root_certificate(&*authority.pem).filter("info").build().unwrap();
        let written = Written::default();
        let fmt = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
        let subscriber = tracing_subscriber::registry().with(fmt).with(spike);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing_log::LogTracer::init().unwrap();
        tracing::error!("card payment failed");
        let stats = eventually("an attempt has failed", || {
            Some(guard.handle().stats()).filter(|stats| stats.tls > 0)
        });
        assert_eq!((stats.pending, stats.seen - stats.ignored.own_thread), (1, 1), "{stats:?}");
        let text = written.text();
        assert!(text.contains("starting new connection"), "the client's own events: {text}");
        if cfg!(feature = "rustls") {
            // A record at ERROR, on our own thread.
            assert!(text.contains("ERROR rustls_platform_verifier"), "{text}");
            assert!(stats.ignored.own_thread > 0, "{stats:?}");
        }
        assert_eq!(leaks(&text), None, "{text}");
        drop(tried(&Server::with(authority.good(), OK), &authority));
        assert_eq!(leaks(&written.text()), None, "where it is right: {}", written.text());
    })
    .well();
}

#[test]
fn roots_that_are_none_are_errors_that_say_what_is_expected() {
    let cut = |pem: &str| pem.replace("MII", "MIX");
    let authority = Authority::new();
    let bad = [
        (String::new(), "none"),
        ("not a certificate".to_owned(), "none"),
        (cut(&authority.pem), "one that can't be read"),
        (format!("{}{}", authority.pem, cut(&authority.pem)), "one that can't be read"),
    ];
    let build = |pem: &str| {
        let url = format!("https://{HOST}/{TOKEN}/push-events");
        tracing_spike::builder(url).root_certificate(pem).build::<Registry>().map(drop)
    };
    for (pem, found) in bad {
        let error = build(&pem).unwrap_err();
        let expected = format!(
            "root_certificate: expected certificates in PEM, which begin with -----BEGIN \
             CERTIFICATE-----, found {found}"
        );
        assert!(error.is_config() && error.to_string() == expected, "{error}");
    }
    // Twin, with two in a file.
    build(&format!("{}{}", authority.pem, Authority::new().pem)).unwrap();
}

#[test]
fn an_extra_root_is_enough_where_the_system_has_none() {
    const TEST: &str = "tls::an_extra_root_is_enough_where_the_system_has_none";
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    child::run(TEST, &nowhere, || {
        let authority = Authority::new();
        let server = Server::with(authority.good(), OK);
        assert_eq!(tried(&server, &authority).delivered, 1);
    })
    .well();
}

// === the program's own TLS ===

/// What a program does that has TLS of its own: it still finds its provider, and can use it.
fn own_client() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// A provider as good as any other, told by its cipher suites: one is left out.
fn own_provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.truncate(3);
    provider
}

fn delivers() {
    let authority = Authority::new();
    let server = Server::with(authority.good(), OK);
    assert_eq!(tried(&server, &authority).delivered, 1);
}

#[test]
fn f064_a_program_may_install_its_provider_before_us() {
    child::run("tls::f064_a_program_may_install_its_provider_before_us", &[], || {
        own_provider().install_default().unwrap();
        assert_eq!(own_client().crypto_provider().cipher_suites.len(), 3);
        delivers();
        assert_eq!(own_client().crypto_provider().cipher_suites.len(), 3);
    })
    .well();
}

#[test]
fn f064_a_program_may_install_its_provider_after_us() {
    child::run("tls::f064_a_program_may_install_its_provider_after_us", &[], || {
        delivers();
        assert!(CryptoProvider::get_default().is_none(), "that is for the program to choose");
        own_provider().install_default().unwrap();
        assert_eq!(own_client().crypto_provider().cipher_suites.len(), 3);
        delivers();
    })
    .well();
}

#[test]
fn f064_a_program_that_names_its_provider_needs_none_installed() {
    child::run("tls::f064_a_program_that_names_its_provider_needs_none_installed", &[], || {
        let named = || {
            ClientConfig::builder_with_provider(Arc::new(own_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        };
        assert_eq!(named().crypto_provider().cipher_suites.len(), 3);
        delivers();
        assert_eq!(named().crypto_provider().cipher_suites.len(), 3);
        assert!(CryptoProvider::get_default().is_none());
    })
    .well();
}
