//! From a proof to a package, and back.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fixture::Fixture;

/// What the reports of these small collections can hold.
const POLICY: &str = "format = 1\n[[line]]\nname = \"fidelity\"\nwhy = \"Far images mislead.\"\n\
    figure = \"evaluate.spaces.*.overall.equal_count.synthetic.frechet\"\n\
    over = \"evaluate.spaces.*.overall.equal_count.real.frechet\"\nat_most = 10.0\n\
    [[drop]]\nname = \"copies\"\nwhy = \"A copy shows a patient.\"\nfiles = \"audit.copies.hits.*.file\"\nmost = 0.05\n";
const RELEASE: &str = "release fakes --proof proof --policy policy.toml --licence CC-BY-4.0 --author Lab";

/// Phantoms as the real and as the synthetic ones, evaluated, and an audit that found one copy.
fn proved(name: &str) -> (Fixture, String) {
    let lab = Fixture::new(name);
    lab.succeed("phantom --out knees --count 240 --size 32 --bits 8 --seed 1");
    lab.succeed("phantom --out fakes --count 60 --size 32 --bits 8 --seed 2");
    lab.succeed("evaluate knees fakes --out proof --real-split train");
    lab.file("policy.toml", POLICY.as_bytes());
    let manifest = lab.text("fakes/manifest.csv");
    let copy = manifest.lines().nth(3).unwrap().split(',').next().unwrap().to_owned();
    audit(&lab, &copy, "pass");
    (lab, copy)
}

/// Writes an audit as the program would seal it.
fn audit(lab: &Fixture, copy: &str, verdict: &str) {
    let hash = json(lab, "proof/evaluate.json")["synthetic"]["hash"].clone();
    let mut report = json!({
        "verdict": verdict, "synthetic": { "hash": hash, "count": 60 }, "copies": { "hits": [{ "file": copy }] }
    });
    report["seal"] = hex(report.to_string().as_bytes()).into();
    lab.file("proof/audit.json", report.to_string().as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn json(lab: &Fixture, name: &str) -> Value {
    serde_json::from_str(&lab.text(name)).unwrap()
}

#[test]
fn a_package_is_released_with_its_reasons_and_is_what_it_says() {
    let (lab, copy) = proved("release_whole");
    let said = lab.succeed(&format!("{RELEASE} --dry-run"));
    assert!(said.contains("fidelity: at most 10 times the floor demanded"), "{said}");
    assert!(!lab.path("package").exists());
    lab.succeed(&format!("{RELEASE} --out package"));
    let release = json(&lab, "package/release.json");
    assert_eq!(release["decision"], "release");
    assert_eq!(release["images"]["count"], 59);
    assert_eq!(release["dropped"], json!([{ "file": copy, "by": ["copies"] }]));
    assert!(release["marks"]["psnr"].as_f64().unwrap() > 30.0, "{}", release["marks"]);
    let card = lab.text("package/README.md");
    assert!(card.starts_with("---\npretty_name: ") && card.contains("license: cc-by-4.0"), "{card}");
    assert!(
        card.contains("Every image in this data set is synthetic")
            && card.contains("A copy shows a patient.")
    );
    let checked = lab.succeed("verify package");
    assert!(!checked.contains("FAILS") && checked.contains("cannot be checked here"), "{checked}");
    let sums = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(lab.path("package"))
        .output();
    assert!(sums.is_ok_and(|output| output.status.success()), "sha256sum finds another hash");
    let image =
        lab.text("package/manifest.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert!(lab.succeed(&format!("verify package/{image} fakes/{image}")).contains("no mark"));
    assert!(lab.succeed(&format!("verify package/{image}")).contains("marked as synthetic"));
    let croissant = json(&lab, "package/croissant.json");
    assert_eq!(
        croissant["distribution"][0]["sha256"],
        hex(lab.text("package/manifest.csv").as_bytes()).as_str()
    );
    lab.succeed(&format!("{RELEASE} --webdataset --out sharded"));
    assert!(lab.succeed("verify sharded").contains("the shards hold the same images: 1 shards"));
    lab.succeed(&format!("{RELEASE} --dicom --out objects"));
    assert!(lab.succeed("verify objects").contains("the DICOM objects hold the same images: 59 objects"));
    lab.succeed(&format!("{RELEASE} --out twin"));
    let (mut one, mut two) = (lab.files("package"), lab.files("twin"));
    for made in [&mut one, &mut two] {
        // They hold the command line, and its --out differs.
        made.retain(|path, _| !["release.json", "SHA256SUMS"].contains(&path.to_str().unwrap()));
    }
    assert!(one == two, "the same images and proof make the same package");
}

#[test]
fn what_is_not_proved_is_not_released() {
    let (lab, copy) = proved("release_refused");
    let refused = |line: &str, complaint: &str| {
        let said = lab.fail(1, &format!("{line} --out package"));
        assert!(said.contains(complaint), "{line}: {said}");
        assert!(!lab.path("package").exists() && !lab.path(".package.part").exists(), "{line}");
    };
    let strict = POLICY.replace("10.0", "0.001");
    lab.file("strict.toml", strict.as_bytes());
    let strict = RELEASE.replace("policy.toml", "strict.toml");
    refused(&strict, "fidelity does not hold");
    lab.file("odd.toml", POLICY.replace("at_most", "at_moost").as_bytes());
    refused(&RELEASE.replace("policy.toml", "odd.toml"), "unknown field `at_moost`");
    refused(&RELEASE.replace("release fakes", "release knees"), "speaks of other images than knees");
    audit(&lab, "images/train/0/nobody.png", "pass");
    refused(RELEASE, "which is not in the collection");
    audit(&lab, &copy, "undecided");
    refused(&RELEASE.replace(" --policy policy.toml", ""), "privacy and copies do not hold");
    let text = lab.text("proof/audit.json").replace("undecided", "pass");
    lab.file("proof/audit.json", text.as_bytes());
    refused(RELEASE, "audit.json: was changed after it was made");
    audit(&lab, &copy, "pass");

    assert!(lab.fail(2, &format!("{strict} --out package --override fidelity=teaching")).contains("--by"));
    lab.succeed(&format!("{strict} --out package --override fidelity=teaching --by Ada"));
    assert!(lab.text("package/README.md").contains("Ada let it pass:** teaching"));
    assert!(lab.succeed("verify package").contains("that it was right of Ada to let `fidelity` pass"));
    assert!(lab.fail(1, &format!("{RELEASE} --out package")).contains("is there already"));
}

#[test]
fn a_package_that_was_tampered_with_is_found_out() {
    let (lab, copy) = proved("release_tampered");
    lab.succeed(&format!("{RELEASE} --out package"));
    let before = lab.files("package");
    let image =
        lab.text("package/manifest.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let found = |complaint: &str| {
        let ran = lab.run("verify package");
        assert!(ran.status == 1 && ran.out.contains(complaint), "{complaint}: {ran:?}");
        std::fs::remove_dir_all(lab.path("package")).unwrap();
        before.iter().for_each(|(path, bytes)| lab.file(&format!("package/{}", path.display()), bytes));
        assert_eq!(lab.run("verify package").status, 0);
    };
    let mut flipped = before[std::path::Path::new(&image)].clone();
    *flipped.last_mut().unwrap() ^= 1;
    lab.file(&format!("package/{image}"), &flipped);
    found("1 changed, first images/");
    std::fs::remove_file(lab.path(&format!("package/{image}"))).unwrap();
    found("1 missing, first images/");
    lab.file("package/extra.txt", b"x");
    found("1 not of the package, first extra.txt");
    std::os::unix::fs::symlink("/etc/passwd", lab.path("package/link")).unwrap();
    found("link: is neither a file nor a folder");
    let text = lab.text("package/reports/audit.json").replace(&copy, "images/x.png");
    lab.file("package/reports/audit.json", text.as_bytes());
    found("audit.json: was changed after it was made");
    let text = lab.text("package/release.json").replacen("\"holds\": true", "\"holds\": false", 1);
    lab.file("package/release.json", text.as_bytes());
    found("release.json does not say what the policy and the reports give");
    // An unmarked image, with its hashes set right everywhere: the marks are missed.
    let plain = std::fs::read(lab.path(&format!("fakes/{image}"))).unwrap();
    let (old, new) = (hex(&before[std::path::Path::new(&image)]), hex(&plain));
    lab.file(&format!("package/{image}"), &plain);
    let manifest = lab.text("package/manifest.csv");
    let changed = manifest.replace(&old, &new);
    lab.file("package/manifest.csv", changed.as_bytes());
    let sums = lab.text("package/SHA256SUMS");
    let sums = sums.replace(&old, &new).replace(&hex(manifest.as_bytes()), &hex(changed.as_bytes()));
    lab.file("package/SHA256SUMS", sums.as_bytes());
    found("bits of the watermark");
    let newer = lab.text("package/release.json").replacen("\"format\": 1", "\"format\": 2", 1);
    lab.file("package/release.json", newer.as_bytes());
    assert!(lab.fail(1, "verify package").contains("made by a newer doppelray"));
    assert!(lab.fail(1, "verify fakes").contains("not a package"));
}

/// A package in the programs that people load data with, by `tests/clients/package.py`.
#[test]
fn a_package_loads_where_people_work() {
    let (lab, _) = proved("release_clients");
    lab.succeed(&format!("{RELEASE} --webdataset --dicom --out package"));
    lab.client("package.py", "package");
}

#[test]
fn a_package_is_signed_and_its_images_can_be_drawn_again() {
    let lab = Fixture::new("release_signed");
    lab.succeed("phantom --out knees --count 240 --size 32 --bits 8 --seed 1");
    lab.succeed(
        "train knees --out run --set size=32 --set game.generator.channels=[16,8] --set game.critic.channels=[8,16] --kimg 0.032",
    );
    lab.succeed("sample run --seeds 0-59 --mix even --truncation 0.9 --guidance 1.5 --out fakes");
    lab.succeed("evaluate knees fakes --out proof --real-split train");
    lab.file("policy.toml", POLICY.replace("at_most = 10.0", "at_most = 1e9").as_bytes());
    audit(&lab, lab.text("fakes/manifest.csv").lines().nth(5).unwrap().split(',').next().unwrap(), "pass");

    let minisign::KeyPair { pk, sk } = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    lab.file("lab.key", sk.to_box(None).unwrap().into_string().as_bytes());
    lab.file("lab.pub", pk.to_box().unwrap().into_string().as_bytes());
    lab.succeed(&format!("{RELEASE} --sign lab.key --out package"));
    assert!(lab.succeed("verify package").contains("it says to be signed by the key"));
    let trusted = lab.succeed("verify package --key lab.pub");
    assert!(trusted.contains("it is signed by the key that is trusted: doppelray package"), "{trusted}");
    let other = minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64();
    let ran = lab.run(&format!("verify package --key {other}"));
    assert!(ran.status == 1 && ran.out.contains("is not of the key that is trusted"), "{ran:?}");
    assert!(
        lab.fail(1, &format!("{RELEASE} --sign lab.pub --out unsigned"))
            .contains("no secret key of minisign")
    );

    lab.succeed("sample run --like package --out again");
    let hashes = |name: &str, column: usize| -> Vec<String> {
        let text = lab.text(name);
        let mut all: Vec<String> =
            text.lines().skip(1).map(|line| line.split(',').nth(column).unwrap().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(hashes("package/manifest.csv", 5), hashes("again/manifest.csv", 7));
    assert!(lab.fail(1, "sample knee --like package --out nothing").contains("give that model"));
    assert!(!lab.path("nothing").exists());
}
