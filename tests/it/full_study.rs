//! A disk that fills up while readers answer: the real server, on a small file system of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::fixture::Fixture;

/// A server in a name space whose folder `small` holds 12 MiB, and half a MiB is left.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// `None` where the system lets us have no file system of our own.
    fn start(lab: &Fixture) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_doppelray");
        let line = format!(
            "mount -t tmpfs -o size=12m tmpfs small && cp -r study small/ && head -c 11900000 /dev/zero > small/other && \
             exec {program} study serve small/study --listen 127.0.0.1:0"
        );
        let mut process = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &line])
            .current_dir(lab.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut said = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut said).ok()?;
        let address = said.split("http://").nth(1)?.split(';').next()?.trim().to_owned();
        Some(Self { process, address })
    }

    /// A path below the lab's folder as the server sees it.
    fn sees(&self, lab: &Fixture, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.process.id(), lab.path(name).display()))
    }

    fn send(&self, head: &str, cookie: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nhost: study\r\nconnection: close\r\ncookie: {cookie}\r\ncontent-length: {length}\r\n\
             content-type: application/{}\r\n\r\n{body}",
            if body.starts_with('{') { "json" } else { "x-www-form-urlencoded" }
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// What stands between `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split(from).nth(1).unwrap_or_else(|| panic!("no {from} in {text}")).split(to).next().unwrap()
}

/// The page's own account of where the reader is.
fn setup(server: &Server, cookie: &str) -> Value {
    let page = server.send("GET /read", cookie, "").1;
    serde_json::from_str(&between(&page, "data-setup=\"", "\"").replace("&quot;", "\"")).unwrap()
}

fn answer(setup: &Value, n: usize) -> String {
    let values = json!({ "grade": "2", "quality": "4", "confidence": "3" });
    let key = format!("{}-{n}", setup["stretch"].as_str().unwrap());
    let (form, stretch) = (&setup["form"], &setup["stretch"]);
    json!({ "form": form, "key": key, "stretch": stretch, "n": n, "revises": false, "ms": 900, "values": values })
        .to_string()
}

#[test]
fn a_disk_that_fills_up_is_told_to_the_reader_and_nothing_is_half_saved() {
    let lab = Fixture::new("study_full_disk");
    lab.succeed("phantom --out knees --count 240 --size 32 --bits 8 --seed 1");
    lab.succeed("phantom --out fakes --count 240 --size 32 --bits 8 --seed 2");
    lab.succeed("study new knees fakes --out study --count 30 --design grading");
    let link = lab.succeed("study invite study --count 1");
    fs::create_dir(lab.path("small")).unwrap();
    let Some(server) = Server::start(&lab) else {
        println!("skipped: this system gives no file system of our own");
        return;
    };
    let secret = link.trim().rsplit('/').next().unwrap();
    let (_, entered) = server.send("POST /enter", "", &format!("secret={secret}"));
    let cookie = between(&entered, "set-cookie: ", ";").to_owned();
    let page = server.send("GET /read", &cookie, "").1;
    let key = between(&page, "name=\"key\" value=\"", "\"").to_owned();
    assert_eq!(server.send("POST /consent", &cookie, &format!("key={key}&agree=yes")).0, 303);

    let (mut kept, mut full) = (0, 0);
    loop {
        let page = server.send("GET /read", &cookie, "").1;
        if !page.contains("data-setup") {
            break;
        }
        let setup = setup(&server, &cookie);
        let n = setup["next"].as_u64().unwrap() as usize;
        let (status, told) = server.send("POST /answer", &cookie, &answer(&setup, n));
        match status {
            200 => kept += 1,
            507 => {
                full += 1;
                assert!(told.contains("disk is full") && told.contains("Nothing was saved"), "{told}");
                assert_eq!(server.send("POST /answer", &cookie, &answer(&setup, n)).0, 507);
                assert_eq!(
                    self::setup(&server, &cookie)["next"],
                    setup["next"],
                    "the reader stays where they are"
                );
                fs::remove_file(server.sees(&lab, "small/other")).unwrap();
            }
            _ => panic!("{told}"),
        }
        assert!(full < 2, "there is room again");
    }
    assert_eq!((kept, full), (63, 1));
    fs::create_dir(lab.path("after")).unwrap();
    for entry in fs::read_dir(server.sees(&lab, "small/study")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), lab.path("after").join(entry.file_name())).unwrap();
    }
    drop(server);
    let copied = lab.succeed("study backup after --out whole.db");
    // Made, invited, entered, consented, and every answer that was confirmed.
    assert!(copied.contains(&format!("{} lines of log, each checked", 4 + kept)), "{copied}");
}
