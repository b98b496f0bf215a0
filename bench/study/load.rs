//! Simulated readers for `bench/study/run.py`: each enters by its link, agrees, and answers all, as the page's script does.
//!
//! Usage: study-load HOST:PORT LINKS THINK_MS   (LINKS: a file with one secret a line)
//! Prints one JSON object: times in ms, and every answer that was confirmed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of the bench")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is made again when it breaks.
struct Client {
    host: String,
    stream: Option<TcpStream>,
    cookie: String,
}

struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    /// Sends until it is answered; how long the answered try took.
    async fn send(&mut self, method: &str, path: &str, (kind, body): (&str, &str)) -> (Answered, Duration) {
        loop {
            let began = Instant::now();
            match self.attempt(method, path, (kind, body)).await {
                Ok(answered) if answered.status == 429 || answered.status >= 500 => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(answered) => return (answered, began.elapsed()),
                Err(_) => {
                    self.stream = None;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn attempt(
        &mut self,
        method: &str,
        path: &str,
        (kind, body): (&str, &str),
    ) -> std::io::Result<Answered> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(&self.host).await?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.cookie,
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        read(stream).await
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Answered> {
    let mut bytes = Vec::with_capacity(4096);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
    let length: usize = field("content-length:").and_then(|v| v.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Ok(Answered { status, body: bytes[end..end + length].to_vec(), head })
}

#[derive(Default)]
struct Told {
    images: Vec<f64>,
    answers: Vec<f64>,
    confirmed: Vec<String>,
    refused: Vec<String>,
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The way of one reader from the link to the end.
async fn reader(host: String, secret: String, think: u64, number: u64) -> Told {
    let mut client = Client { host, stream: None, cookie: String::new() };
    let (entered, _) = client.send("POST", "/enter", (FORM, &format!("secret={secret}"))).await;
    let cookie = entered.head.lines().find_map(|l| l.strip_prefix("set-cookie:")).unwrap_or_default();
    client.cookie = cookie.split(';').next().unwrap_or_default().trim().to_owned();
    let mut told = Told::default();
    loop {
        let (page, _) = client.send("GET", "/read", ("", "")).await;
        let html = String::from_utf8_lossy(&page.body).into_owned();
        if let Some(rest) = html.split("name=\"key\" value=\"").nth(1).filter(|_| html.contains("/consent")) {
            let key = rest.split('"').next().unwrap_or_default();
            client.send("POST", "/consent", (FORM, &format!("key={key}&agree=yes"))).await;
            continue;
        }
        let Some(data) = html.split("data-setup=\"").nth(1).and_then(|rest| rest.split('"').next()) else {
            break;
        };
        let setup: Value =
            serde_json::from_str(&data.replace("&quot;", "\"").replace("&amp;", "&")).unwrap_or_default();
        stretch(&mut client, &setup, &mut told, (think, number)).await;
    }
    told
}

async fn stretch(client: &mut Client, setup: &Value, told: &mut Told, (think, number): (u64, u64)) {
    let name = setup["stretch"].as_str().unwrap_or_default();
    let ends = ["next", "total"].map(|key| setup[key].as_u64().unwrap_or(0));
    for n in ends[0]..ends[1] {
        let (_, time) = client.send("GET", &format!("/image/{name}/{n}/0"), ("", "")).await;
        told.images.push(time.as_secs_f64() * 1000.0);
        // Spread evenly over 0.5 to 1.5 times the mean, differently for every reader and image.
        tokio::time::sleep(Duration::from_millis(think / 2 + (number * 7919 + n * 104_729) % (think + 1)))
            .await;
        let key = format!("{name}-{n}");
        let values = json!({ "verdict": "real", "confidence": "3", "mark": "", "reason": "" });
        let body = json!({ "form": setup["form"], "key": key, "stretch": name, "n": n, "revises": false, "ms": 900, "values": values });
        let (answered, time) = client.send("POST", "/answer", ("application/json", &body.to_string())).await;
        told.answers.push(time.as_secs_f64() * 1000.0);
        let list = if answered.status == 200 { &mut told.confirmed } else { &mut told.refused };
        list.push(key);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let links = std::fs::read_to_string(&arguments[1]).expect("the file of links");
    let think: u64 = arguments[2].parse().expect("a time in ms");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    let all: Vec<Told> = runtime.block_on(async {
        let tasks: Vec<_> = links
            .lines()
            .zip(0..)
            .map(|(secret, number)| {
                tokio::spawn(reader(arguments[0].clone(), secret.to_owned(), think, number))
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.push(task.await.expect("a reader ends"));
        }
        all
    });
    let gather = |of: fn(&Told) -> &Vec<f64>| all.iter().flat_map(of).copied().collect::<Vec<f64>>();
    let keys = |of: fn(&Told) -> &Vec<String>| all.iter().flat_map(of).cloned().collect::<Vec<String>>();
    let report = json!({
        "seconds": began.elapsed().as_secs_f64(),
        "images_ms": gather(|t| &t.images),
        "answers_ms": gather(|t| &t.answers),
        "confirmed": keys(|t| &t.confirmed),
        "refused": keys(|t| &t.refused),
    });
    println!("{report}");
}
