//! Addresses in an object store: moto's S3 server on the loopback, behind a relay that breaks things.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, Ran, free};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/bin/python");

/// A server with a bucket `lab`.
struct Moto {
    process: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Moto {
    /// Starts one; nothing where moto is not installed.
    #[expect(clippy::print_stdout, reason = "a test says what it skips")]
    fn start() -> Option<Self> {
        let there = Command::new(PYTHON).args(["-c", "import moto.server"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            println!("skipped: needs .venv with moto[server]");
            return None;
        }
        let [port] = free();
        let arguments = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()];
        let process =
            Command::new(PYTHON).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Self { process, port };
        let since = Instant::now();
        while moto.make_bucket().is_none() {
            assert!(since.elapsed() < Duration::from_secs(60), "moto does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(moto)
    }

    fn make_bucket(&self) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"PUT /lab HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.contains(" 200 ").then_some(())
    }
}

/// Stands between the program and the server: of four connections it refuses one as a busy server does, cuts one off in the
/// middle of an answer, and slows one down.
struct Relay {
    port: u16,
    /// Bytes that the program has sent.
    sent: Arc<AtomicU64>,
}

impl Relay {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, sent) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let count = sent.clone();
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
                let count = count.clone();
                std::thread::spawn(move || relay(number, client, server, &count));
            }
        });
        Self { port, sent }
    }
}

fn relay(number: usize, mut client: TcpStream, server: u16, sent: &Arc<AtomicU64>) -> std::io::Result<()> {
    if number % 4 == 1 {
        let _asked = client.read(&mut [0; 1 << 16])?;
        return client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    let (mut from, mut to, count) = (client.try_clone()?, server.try_clone()?, sent.clone());
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            count.fetch_add(read as u64, Ordering::Relaxed);
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(std::net::Shutdown::Write);
    });
    let (mut bytes, mut passed) = ([0; 1024], 0);
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        passed += read;
        match number % 4 {
            2 if passed > 5000 => {
                let [a, b] = [&client, &server].map(|end| end.shutdown(std::net::Shutdown::Both));
                return a.and(b);
            }
            3 => std::thread::sleep(Duration::from_millis(2)),
            _ => (),
        }
        client.write_all(&bytes[..read])?;
    }
    client.shutdown(std::net::Shutdown::Both)
}

/// Answers everything alike, as a store that refuses.
fn refusing(status: &'static str, code: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _read = client.read(&mut [0; 1 << 16]);
            let _sent = client.write_all((head + &body).as_bytes());
        }
    });
    port
}

/// The program on one of several machines, which share a store and nothing else.
fn on(lab: &Fixture, machine: &str, port: u16, line: &str) -> Command {
    let mut command = lab.command(line);
    command
        .env("DOPPELRAY_MIRRORS", lab.path(machine))
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .envs([("AWS_ALLOW_HTTP", "true"), ("AWS_REGION", "us-east-1")])
        .envs([("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    command
}

fn ran(mut command: Command, status: i32) -> Ran {
    let ran = Ran::of(command.output().expect("the program starts"));
    assert_eq!(ran.status, status, "{command:?}: {ran:?}");
    ran
}

#[test]
fn a_store_that_breaks_gives_the_same_as_a_folder_and_shows_nothing_half_written() {
    let Some(moto) = Moto::start() else { return };
    let lab = Fixture::new("remote_store");
    let relay = Relay::start(moto.port);
    let good = |machine: &str, line: &str| ran(on(&lab, machine, relay.port, line), 0).out;
    lab.succeed("phantom --out knees --count 60 --size 32 --bits 8");
    lab.succeed("phantom --out fakes --count 60 --size 32 --bits 8 --seed 5");
    lab.succeed("evaluate knees fakes --out proof");

    // One machine begins, and is killed while it stores.
    let before = relay.sent.load(Ordering::Relaxed);
    let mut begun = on(&lab, "one", relay.port, "phantom --out s3://lab/knees --count 60 --size 32 --bits 8")
        .spawn()
        .unwrap();
    while relay.sent.load(Ordering::Relaxed) < before + 20_000 {
        assert!(begun.try_wait().unwrap().is_none(), "it was over before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.kill().unwrap();
    begun.wait().unwrap();
    let refused =
        ran(on(&lab, "two", relay.port, "evaluate s3://lab/knees s3://lab/fakes --out s3://lab/proof"), 1);
    assert!(refused.err.contains("s3://lab/knees"), "{refused:?}");
    assert!(
        ran(on(&lab, "two", relay.port, "show s3://lab/proof --out page.html"), 1)
            .err
            .contains("s3://lab/proof")
    );

    // The same command goes on; another machine draws the rest; a third joins what both kept.
    good("one", "phantom --out s3://lab/knees --count 60 --size 32 --bits 8");
    good("two", "phantom --out s3://lab/fakes --count 60 --size 32 --bits 8 --seed 5");
    for (machine, part) in [("one", "1/2"), ("two", "2/2")] {
        good(machine, &format!("evaluate s3://lab/knees s3://lab/fakes --out s3://lab/proof --shard {part}"));
    }
    let said = good("three", "evaluate s3://lab/knees s3://lab/fakes --out s3://lab/proof --kept");
    assert!(said.contains("The report: s3://lab/proof/evaluate.html"), "{said}");

    // Whoever fetches it has what a folder would have had.
    good("four", "show s3://lab/proof --out page.html");
    let mirror = |name: &str| {
        let folders =
            std::fs::read_dir(lab.path("three")).unwrap().map(|entry| entry.unwrap().path().join(name));
        folders.into_iter().find(|path| path.exists()).unwrap()
    };
    let below = |path: &Path| lab.files(path.strip_prefix(lab.path("")).unwrap().to_str().unwrap());
    assert!(below(&mirror("knees")) == lab.files("knees") && below(&mirror("fakes")) == lab.files("fakes"));
    let report = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let stored = report(&std::fs::read_to_string(mirror("proof").join("evaluate.json")).unwrap());
    assert_eq!(stored["spaces"], report(&lab.text("proof/evaluate.json"))["spaces"]);
    assert_eq!(
        (&stored["real"]["path"], &stored["real"]["hash"]),
        (&"s3://lab/knees".into(), &report(&lab.text("proof/evaluate.json"))["real"]["hash"])
    );
}

#[test]
fn what_a_store_refuses_is_said_with_the_mend() {
    let lab = Fixture::new("remote_refused");
    for (status, code, mend) in [
        ("400 Bad Request", "ExpiredToken", "the credentials have expired; renew them"),
        ("403 Forbidden", "AccessDenied", "access was refused; correct the credentials"),
        ("404 Not Found", "NoSuchBucket", "there is no such bucket; make it, or correct the address"),
    ] {
        let said = ran(
            on(&lab, "one", refusing(status, code), "phantom --out s3://lab/knees --count 2 --size 32"),
            1,
        );
        assert!(said.err.contains("s3://lab/knees: ") && said.err.contains(mend), "{code}: {said:?}");
        assert!(said.err.contains(code), "{said:?}");
    }
    let needs = lab.fail(2, "study serve s3://lab/study");
    assert!(needs.contains("needs a folder of this machine"), "{needs}");
}
