//! A folder of one's own, and the program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use doppelray_images::files::write_whole;
use doppelray_images::{Depth, Image, png};

/// An empty folder in which `doppelray` is run.
pub(crate) struct Fixture {
    folder: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }
}

impl Fixture {
    /// An empty folder, the same each time for a name.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a folder of an earlier run");
        }
        fs::create_dir_all(&folder).expect("a folder below the target folder");
        Self { folder }
    }

    /// A path below the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        write_whole(&path, |file| file.write_all(bytes)).expect("a file");
    }

    /// Writes a PNG of 40 x 40 pixels; another `value` makes another picture.
    pub(crate) fn picture(&self, name: &str, value: u16) {
        let pixels = (0..1600_u32).map(|i| ((i * (u32::from(value) + 3) + i / 40) % 256) as u16).collect();
        let mut bytes = Vec::new();
        png::encode(&Image::new(40, 40, Depth::Eight, pixels), &mut bytes).expect("memory takes all");
        self.file(name, &bytes);
    }

    /// Reads a file as text.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a text file")
    }

    /// The names in the folder, hidden ones too, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program with arguments, separated by spaces, to be run in the folder.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doppelray"));
        command.args(arguments.split_whitespace()).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a script of `tests/clients` on a file or folder of the fixture, by the Python that has what it needs; where there
    /// is none, that is said.
    #[expect(clippy::print_stdout, reason = "a test says what it skips, and what others found")]
    pub(crate) fn client(&self, script: &str, on: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (python, script) = (root.join(".venv/bin/python"), root.join("tests/clients").join(script));
        if !python.exists() {
            println!("skipped: needs .venv with what {} names", script.display());
            return;
        }
        let ran = Command::new(python).arg(script).arg(self.path(on)).output().expect("Python starts");
        let [out, err] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert!(ran.status.success(), "{out}\n{err}");
        println!("{out}");
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(arguments).output().expect("the program starts"))
    }

    /// Runs the program, which must succeed, and returns what it printed.
    pub(crate) fn succeed(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "doppelray {arguments}: {ran:?}");
        ran.out
    }

    /// Runs the program, which must end with `status`, and returns its complaint.
    pub(crate) fn fail(&self, status: i32, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, status, "doppelray {arguments}: {ran:?}");
        ran.err
    }

    /// Forty phantom knees of 32 px in `knees`.
    pub(crate) fn phantoms(&self) {
        self.succeed("phantom --out knees --count 40 --size 32 --bits 8");
    }

    /// Every file below a folder with its bytes, by path.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path(name);
        let mut found = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).expect("a file");
                    found.insert(path.strip_prefix(&root).expect("below").to_owned(), bytes);
                }
            }
        }
        found
    }
}

/// Ports that are free now.
pub(crate) fn free<const N: usize>() -> [u16; N] {
    let bound = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|listener| listener.local_addr().unwrap().port())
}
