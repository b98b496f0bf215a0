//! Classifiers from their training to their use, as it is typed.

use doppelray_measures::rng::{Purpose, stream};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::fixture::Fixture;

const ARMS: &str = "[[arms]]\nstrategy = \"mix\"\nreal = [1.0]\nadd = [0.5]\n";

fn lab(name: &str, plan: &str) -> Fixture {
    let lab = Fixture::new(name);
    lab.succeed("phantom --out knees --count 160 --size 32 --bits 8");
    lab.succeed("phantom --out fakes --count 120 --size 32 --bits 8 --seed 1");
    lab.file("plan.toml", format!("{plan}{ARMS}").as_bytes());
    lab
}

/// SqueezeNet 1.1 of random weights, by torchvision's names.
fn squeezenet() -> Vec<u8> {
    let fires = [
        (3, [64, 16, 64]),
        (4, [128, 16, 64]),
        (6, [128, 32, 128]),
        (7, [256, 32, 128]),
        (9, [256, 48, 192]),
        (10, [384, 48, 192]),
        (11, [384, 64, 256]),
        (12, [512, 64, 256]),
    ];
    let mut convolutions = vec![("features.0".to_owned(), [64, 3, 3, 3])];
    for (at, [inputs, squeezed, expanded]) in fires {
        let parts = [
            ("squeeze", [squeezed, inputs, 1, 1]),
            ("expand1x1", [expanded, squeezed, 1, 1]),
            ("expand3x3", [expanded, squeezed, 3, 3]),
        ];
        convolutions.extend(parts.map(|(part, shape)| (format!("features.{at}.{part}"), shape)));
    }
    let mut tensors = Vec::new();
    for (at, (name, shape)) in convolutions.iter().enumerate() {
        let inputs: usize = shape[1..].iter().product();
        let mut draws = stream(0, Purpose::Floor, at as u64);
        let weights = draws.normals(shape[0] * inputs).into_iter().map(|v| v * (2.0 / inputs as f32).sqrt());
        tensors.push((
            format!("{name}.weight"),
            shape.to_vec(),
            weights.flat_map(f32::to_le_bytes).collect::<Vec<u8>>(),
        ));
        tensors.push((format!("{name}.bias"), vec![shape[0]], vec![0; 4 * shape[0]]));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn a_head_judges_a_collection_single_files_and_says_where_it_looks() {
    let lab = lab(
        "classify_head",
        "tasks = [\"binary\", \"ordinal\"]\nseeds = [0]\n\n[training]\nsteps = 60\npenalties = [1.0, 0.1]\nweighting = \"none\"\n\n",
    );
    lab.succeed("utility knees fakes --plan plan.toml --out proof");
    let report: serde_json::Value = serde_json::from_str(&lab.text("proof/utility.json")).unwrap();
    assert_eq!(report["classifiers"].as_array().unwrap().len(), 2);
    assert_eq!(report["looks"][0]["map"].as_array().unwrap().len(), 144);
    assert!(lab.text("proof/utility.html").contains("Where the best classifiers look"));

    let said = lab
        .succeed("classify proof/classifier-ordinal.safetensors knees --split val --out judged --saliency");
    assert!(
        said.contains("As the collection grades them") && said.contains("Not a medical device"),
        "{said}"
    );
    let table = lab.text("judged/classify.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("file,id,grade,answer,p0,p1,p2,p3,p4,osteoarthritis"));
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    let sum: f64 = first[4..9].iter().map(|p| p.parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{first:?}");
    let file = lab.path(&format!("judged/saliency/{}.png", first[1]));
    assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));

    // The same image from a folder without grades is prepared and judged alike.
    lab.file("films/one.png", &std::fs::read(lab.path(&format!("knees/{}", first[0]))).unwrap());
    lab.succeed("classify proof/classifier-ordinal.safetensors films --out again");
    let again = lab.text("again/classify.csv");
    let again: Vec<&str> = again.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((again[2], &again[4..]), ("", &first[4..]));

    for (status, line, reason) in [
        (1, "classify proof/classifier-binary.safetensors knees --out judged", "holds judgements already"),
        (
            1,
            "classify proof/classifier-binary.safetensors knees --split winter --out no",
            "its splits are test, train, val",
        ),
        (2, "classify proof/classifier-binary.safetensors nowhere --out no", "nowhere: is not there"),
        (1, "classify proof/utility.json knees --out no", "a classifier of `doppelray utility` is needed"),
        (
            1,
            "classify proof/classifier-binary.safetensors knees --features knees/manifest.csv --out no",
            "leave --features out",
        ),
    ] {
        let said = lab.fail(status, line);
        assert!(said.contains(reason), "{line}: {said}");
    }
}

#[test]
fn a_network_is_trained_whole_cell_by_cell_and_judges() {
    let lab = lab(
        "classify_whole",
        "tasks = [\"binary\"]\nseeds = [0]\n\n[whole]\nrate = 0.001\nlowest = 0.1\ndecay = 0.01\nbatch = 2\nsteps = 2\ncheck = 1\n\
         patience = 5\nweighting = \"none\"\n\n",
    );
    lab.file("squeezenet.safetensors", &squeezenet());
    let line = "utility knees fakes --plan plan.toml --features squeezenet.safetensors --out proof";
    lab.succeed(line);
    let text = lab.text("proof/utility.json");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (report["space"]["name"].as_str(), report["cells"].as_array().unwrap().len()),
        (Some("SqueezeNet 1.1"), 2)
    );
    assert!(report["cells"][0]["penalty"].is_null() && report["cells"][0]["accuracy"]["value"].is_number());
    // Nothing of the trainings is left but what they ended in.
    let cells = std::fs::read_dir(lab.path("proof/utility/cells")).unwrap();
    assert!(cells.into_iter().all(|entry| entry.unwrap().path().is_file()));
    lab.succeed(line);
    assert_eq!(lab.text("proof/utility.json"), text);
    let said = lab.succeed("classify proof/classifier-binary.safetensors knees --split test --out judged");
    assert!(said.contains("SqueezeNet 1.1, trained whole"), "{said}");

    let said = lab.fail(2, "utility knees fakes --plan plan.toml --out other");
    assert!(said.contains("[whole] trains a network: give the weights file"), "{said}");
    lab.file("cut.safetensors", &squeezenet()[..5000]);
    let said = lab.fail(1, "utility knees fakes --plan plan.toml --features cut.safetensors --out other");
    assert!(said.contains("cut.safetensors: not a whole safetensors file"), "{said}");
}
