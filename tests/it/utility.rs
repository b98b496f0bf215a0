//! The experiment on use, as it is typed.

use crate::fixture::Fixture;

const PLAN: &str = "tasks = [\"binary\", \"grades\"]\nseeds = [0, 1]\n\n[training]\nsteps = 60\npenalties = [1.0, 0.1, 0.01]\n\
                    weighting = \"root\"\n\n";

/// Two hundred phantoms, some of other people, and a plan.
fn lab(name: &str, others: usize, arms: &str) -> Fixture {
    let lab = Fixture::new(name);
    lab.succeed("phantom --out knees --count 200 --size 32 --bits 8");
    lab.succeed(&format!("phantom --out fakes --count {others} --size 32 --bits 8 --seed 1"));
    lab.file("plan.toml", format!("{PLAN}{arms}").as_bytes());
    lab
}

#[test]
fn a_plan_ends_with_an_answer_every_cell_and_every_difference() {
    let arms = "[[arms]]\nstrategy = \"mix\"\nreal = [0.5, 1.0]\nadd = [0.5]\n\n\
                [[arms]]\nstrategy = \"mix\"\nreal = [1.0]\nreplace = [0.5]\n\n\
                [[arms]]\nstrategy = \"synthetic\"\nreal = [1.0]\nadd = [1.0]\n";
    let lab = lab("utility_answers", 400, arms);
    let rehearsed = lab.succeed("utility knees fakes --plan plan.toml --out proof --dry-run");
    assert!(rehearsed.contains("12 arms, 24 cells (24 to train)"), "{rehearsed}");
    assert!(!lab.path("proof").exists());
    let said = lab.succeed("utility knees fakes --plan plan.toml --out proof");
    assert!(said.contains("what their generator was trained on"), "{said}");
    let text = lab.text("proof/utility.json");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["cells"].as_array().unwrap().len(), 24);
    for cell in report["cells"].as_array().unwrap() {
        for key in [
            "task",
            "real_fraction",
            "synthetic_fraction",
            "replaced_fraction",
            "strategy",
            "augment",
            "seed",
        ] {
            assert!(!cell[key].is_null(), "{key}: {cell}");
        }
        for figure in ["accuracy", "auc", "kappa", "mae", "ece", "brier", "sensitivity", "specificity"] {
            let (low, value, high) = (&cell[figure]["low"], &cell[figure]["value"], &cell[figure]["high"]);
            assert!(low.as_f64() <= value.as_f64() && value.as_f64() <= high.as_f64(), "{figure}: {cell}");
        }
    }
    assert_eq!(report["contrasts"].as_array().unwrap().len(), 8);
    assert!(report["contrasts"][0]["low"].is_number() && report["contrasts"][0]["p_corrected"].is_number());
    assert_eq!(report["swaps"].as_array().unwrap().len(), 2);
    let page = lab.text("proof/utility.html");
    assert!(page.contains(report["answer"].as_str().unwrap()) && !page.contains("NaN"));
    let again = lab.succeed("utility knees fakes --plan plan.toml --out proof --dry-run");
    assert!(again.contains("24 cells (0 to train)"), "{again}");
    // As an interrupted experiment leaves it: cells, but no report.
    for report in ["proof/utility.json", "proof/utility.html"] {
        std::fs::remove_file(lab.path(report)).unwrap();
    }
    lab.succeed("utility knees fakes --plan plan.toml --out proof");
    assert_eq!(lab.text("proof/utility.json"), text);
}

#[test]
fn each_mistake_is_named_with_its_mend_and_nothing_is_begun() {
    let lab = lab("utility_mistakes", 200, "[[arms]]\nstrategy = \"mix\"\nreal = [1.0]\nadd = [1.5]\n");
    lab.succeed("phantom --out same --count 20 --size 32 --bits 8");
    lab.file("none.toml", format!("arms = []\n{PLAN}").as_bytes());
    lab.file("typo.toml", b"tasks = [\"binery\"]\n");
    let settings = "seed = 1\n";
    let record = |hash: &str| {
        let about = lab
            .text("fakes/collection.toml")
            .replace(settings, &format!("{settings}trained_on = \"{hash}\"\n"));
        about.replace("kind = \"phantom\"", "kind = \"synthetic\"")
    };
    let other = record(&"ab".repeat(32));
    lab.succeed("phantom --out strangers --count 200 --size 32 --bits 8 --seed 1");
    lab.file("strangers/collection.toml", other.as_bytes());
    for (status, line, reason) in [
        (1, "utility knees fakes --plan plan.toml", "synthetic images of grade"),
        (1, "utility knees fakes --plan none.toml", "none.toml: arms: there is none"),
        (1, "utility knees fakes --plan typo.toml", "line 1: unknown variant `binery`"),
        (1, "utility knees same", "are images of the test split `test`"),
        (1, "utility knees strangers", "give that collection with --trained-on"),
        (1, "utility knees strangers --trained-on knees", "give the collection it was trained on, unchanged"),
        (
            1,
            "utility knees fakes --real-split winter",
            "holds no split winter to test on, only test, train, val",
        ),
        (1, "utility knees nowhere", "nowhere: not a collection"),
        (2, "utility knees fakes --features inception", "neither `bank` nor"),
        (2, "utility knees fakes --plan", "a value is required"),
    ] {
        let said = lab
            .fail(status, &format!("{line} --out proof").replace("--plan --out proof", "--out proof --plan"));
        assert!(said.contains(reason), "{line}: {said}");
        assert!(!lab.path("proof").exists(), "{line}");
    }
}
