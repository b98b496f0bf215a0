//! Import from a running archive: Debian's Orthanc, on the loopback, full of phantoms with everything planted.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use doppelray_images::phantom_dicom::{DATE, WORD};

use crate::dicom::written;
use crate::fixture::{Fixture, free};

const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/// `lab:secret`, as basic authentication has it.
const LOGIN: &str = "bGFiOnNlY3JldA==";

/// An archive that runs while the test does.
struct Orthanc {
    process: Child,
    web: u16,
    dicom: u16,
    /// Where it sends what it is told to send.
    ours: u16,
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _over = self.process.kill();
        let _over = self.process.wait();
    }
}

impl Orthanc {
    /// Starts one below the fixture's folder; `None` where it is not installed.
    fn start(f: &Fixture) -> Option<Self> {
        if !Path::new(PLUGIN).exists() {
            return None;
        }
        let [web, dicom, ours] = free();
        let settings = serde_json::json!({
            "StorageDirectory": f.path("orthanc"), "IndexDirectory": f.path("orthanc"),
            "HttpPort": web, "DicomPort": dicom, "DicomAet": "ORTHANC", "DicomCheckCalledAet": true,
            "AuthenticationEnabled": true, "RegisteredUsers": { "lab": "secret" },
            "Plugins": [PLUGIN], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
            "DicomModalities": { "ours": ["DOPPELRAY", "127.0.0.1", ours] },
        });
        f.file("orthanc.json", settings.to_string().as_bytes());
        let process = Command::new("Orthanc")
            .arg(f.path("orthanc.json"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Orthanc starts");
        let orthanc = Self { process, web, dicom, ours };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", web)).is_ok()
                && TcpStream::connect(("127.0.0.1", dicom)).is_ok()
            {
                return Some(orthanc);
            }
            sleep(Duration::from_millis(100));
        }
        panic!("Orthanc does not answer");
    }

    /// Its answer to a request of its own interface.
    fn post(&self, path: &str, body: &[u8]) -> serde_json::Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Basic {LOGIN}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK"), "{path}: {answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Takes all films of a folder; their names in it.
    fn fill(&self, f: &Fixture, folder: &str) -> Vec<String> {
        let films =
            f.files(folder).into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "dcm"));
        films.map(|(_, film)| self.post("/instances", &film)["ID"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_archive_is_imported_as_its_files_would_be_and_nobody_is_named() {
    let f = Fixture::new("archive_orthanc");
    // The ninth is JPEG XL, which Debian's Orthanc does not send by DIMSE.
    f.succeed("phantom --format dicom --phi planted --count 8 --size 48 --out ward");
    let Some(orthanc) = Orthanc::start(&f) else {
        println!("skipped: Orthanc is not there; install Debian's orthanc and orthanc-dicomweb");
        return;
    };
    let films = orthanc.fill(&f, "ward");
    let (web, node) = (
        format!("http://127.0.0.1:{}/dicom-web/studies", orthanc.web),
        format!("dicom://ORTHANC@127.0.0.1:{}", orthanc.dicom),
    );
    f.file("pacs.login", b"lab:secret\n");
    let others = f.fail(1, &format!("import {web} --login pacs.login --new-key lab.key --out knees"));
    assert!(others.contains("chmod 600"), "{others}");
    private(&f.path("pacs.login"));
    f.succeed("import ward --labels ward/labels.csv --new-key lab.key --text mask --size 48 --out files");
    let rest = "--labels ward/labels.csv --key lab.key --text mask --size 48";
    let move_to = format!("--calling DOPPELRAY --move-to DOPPELRAY@127.0.0.1:{}", orthanc.ours);
    for (name, source) in [
        ("web", format!("{web}?StudyDate={DATE} --login pacs.login")),
        ("get", format!("{node}?StudyDate={DATE}")),
        ("moved", format!("{node}?StudyDate={DATE} {move_to}")),
    ] {
        let said = f.succeed(&format!("import {source} {rest} --out {name}"));
        assert!(
            said.contains("8 images of 4 subjects") && said.contains("0 files refused"),
            "{name}: {said}"
        );
        let again = f.run(&format!("import {source} {rest} --out {name}"));
        assert!(again.err.contains("nothing was fetched, nothing to do"), "{name}: {again:?}");
    }
    let place = format!("receive://DOPPELRAY@127.0.0.1:{}", orthanc.ours);
    let mut command = f.command(&format!("import {place} --patience 5 {rest} --out sent"));
    let mut waiting = command.stdout(Stdio::null()).spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", orthanc.ours)).is_err() {
        sleep(Duration::from_millis(50));
    }
    orthanc.post("/modalities/ours/store", serde_json::json!(films).to_string().as_bytes());
    assert!(waiting.wait().unwrap().success());
    for name in ["web", "get", "moved", "sent"] {
        assert_eq!(f.text(&format!("{name}/manifest.csv")), f.text("files/manifest.csv"), "{name}");
        for (file, bytes) in written(&f, name) {
            for word in [WORD, DATE, "1947-11-03", "2.25.", "127.0.0.1"] {
                let found =
                    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
                assert!(!found && !file.contains(word), "{word} in {name}/{file}");
            }
        }
    }
    one_knee(&f, (&web, &node));
}

/// What narrows the query, and what goes wrong with a true archive.
fn one_knee(f: &Fixture, (web, node): (&str, &str)) {
    let before = f.names();
    for (arguments, status, complaint) in [
        (format!("{web}?PatientID={WORD}.0"), 1, "wants another login (401)"),
        (format!("{}es --login pacs.login", web), 1, "status 404"),
        (format!("{node}?PatientID=nobody"), 1, "knows no study of that kind"),
        (node.replace("ORTHANC", "OTHER"), 1, "is not called so"),
        (format!("{node} --move-to NOBODY@127.0.0.1:0"), 1, "aborted the association; register our AE title"),
        (format!("{node} --calling NOBODY"), 1, "aborted the association; register our AE title"),
        (web.replace("127", "me:secret@127"), 2, "say --login FILE"),
    ] {
        let said = f.fail(status, &format!("import {arguments} --key lab.key --out knees"));
        assert!(said.contains(complaint), "{arguments}: {said}");
    }
    let said = f.fail(2, &format!("import {node} --out knees"));
    assert!(said.contains("patients are not called by name unless you say so"), "{said}");
    assert_eq!(f.names(), before);
    for source in
        [format!("{web}?PatientID={WORD}.0 --login pacs.login"), format!("{node}?PatientID={WORD}.0")]
    {
        let said = f.succeed(&format!(
            "import {source} --key lab.key --size 48 --split 100/0/0 --dry-run --out knees"
        ));
        assert!(said.contains("2 images of 1 subjects"), "{said}");
    }
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
