use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::silent;
use doppelray_measures::classify::{Example, Task, Weighting};
use doppelray_measures::rng::{Purpose, stream};

use super::*;
use crate::parameters::{collect, values};
use crate::pretrained::SIDE;
use crate::pretrained::tests::{apart, npy, shared};

#[test]
fn the_numbers_of_shared_weights_are_those_of_torchvision() {
    for (weights, input, expected) in [
        ("squeezenet1_1-imagenet.safetensors", "squeezenet1_1-reference-input.npy", None),
        (
            "mobilenetv2-imagenet.safetensors",
            "squeezenet1_1-reference-input.npy",
            Some("mobilenetv2-reference-features.npy"),
        ),
    ] {
        let (Some(weights), Some(input)) = (shared(weights), shared(input)) else { return };
        let device = Device::flex();
        let network = Classifier::read(&weights, 1, 0, &device).unwrap();
        let images = Tensor::<4>::from_data(TensorData::new(npy(&input), [1, 3, SIDE, SIDE]), &device);
        let found = values(network.numbers(images.clone()));
        let expected = match expected.and_then(shared) {
            Some(file) => npy(&file),
            // Held to torchvision where it describes images.
            None => values(
                crate::squeezenet::SqueezeNet::read(&weights, &device)
                    .unwrap()
                    .forward(images)
                    .mean_dim(2)
                    .mean_dim(3)
                    .reshape([1, 512]),
            ),
        };
        let largest = expected.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        assert!(apart(&found, &expected) < 1e-4 * largest, "{}", network.architecture().name());
    }
}

/// Every architecture against torchvision's own, on random weights: `bench/classifiers.py FOLDER` makes them.
#[test]
fn all_networks_are_torchvisions() {
    let Some(folder) = std::env::var_os("DOPPELRAY_TORCHVISION").map(std::path::PathBuf::from) else {
        println!("skipped: DOPPELRAY_TORCHVISION names no folder of bench/classifiers.py");
        return;
    };
    let device = Device::flex();
    for name in ["squeezenet1_1", "mobilenet_v2", "resnet18", "resnet34", "vgg16"] {
        let network = Classifier::read(&folder.join(format!("{name}.safetensors")), 1, 0, &device).unwrap();
        let images = npy(&folder.join("images.npy"));
        let images = Tensor::<4>::from_data(TensorData::new(images, [2, 3, SIDE, SIDE]), &device);
        let (found, expected) = (values(network.numbers(images)), npy(&folder.join(format!("{name}.npy"))));
        let largest = expected.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        let error = apart(&found, &expected) / largest;
        println!("{name}: largest difference {error:e} of the largest number, {largest}");
        assert!(error < 1e-3, "{name}: {error:e}");
    }
}

#[test]
fn a_file_of_another_network_is_refused_by_the_tensor_and_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    let write = |names: &[(&str, Vec<usize>)]| {
        let arrays = names.iter().map(|(name, shape)| {
            let values = vec![0.5; shape.iter().product()];
            ((*name).to_owned(), crate::parameters::Array { shape: shape.clone(), values })
        });
        crate::store::write(&file, &arrays.collect(), &(), crate::store::Width::Single).unwrap();
        Classifier::read(&file, 1, 0, &Device::flex()).unwrap_err().to_string()
    };
    let other = write(&[("blocks.0.weight", vec![2, 2])]);
    assert!(other.contains("weights.safetensors") && other.contains("ResNet-34"), "{other}");
    let cut = write(&[("features.3.squeeze.weight", vec![16, 64, 1, 1])]);
    assert!(cut.contains("features.0.weight") && cut.contains("SqueezeNet 1.1"), "{cut}");
    let shape =
        write(&[("features.3.squeeze.weight", vec![16, 64, 1, 1]), ("features.0.weight", vec![64, 3, 5, 5])]);
    assert!(shape.contains("[64, 3, 5, 5]") && shape.contains("[64, 3, 3, 3]"), "{shape}");
}

#[test]
fn layers_below_move_less_than_those_above() {
    let network = Classifier::random(Architecture::SqueezeNet, 1, 0, &Device::flex());
    assert_eq!(network.depth("layers.0.weight"), 0.0);
    assert!(network.depth("layers.9.bias") < network.depth("layers.10.weight"));
    assert_eq!(network.depth("head.weight"), 1.0);
}

/// A SqueezeNet's weights file of random values, as torchvision names them.
fn squeezenet(path: &Path) {
    let network = Classifier::random(Architecture::SqueezeNet, 1, 3, &Device::flex());
    let parameters = collect(&network);
    let named = Architecture::SqueezeNet.specs().into_iter().enumerate().flat_map(|(at, spec)| {
        ["weight", "bias"]
            .map(|part| (format!("{}.{part}", spec.name), parameters[&format!("layers.{at}.{part}")].clone()))
    });
    crate::store::write(path, &named.collect(), &(), crate::store::Width::Single).unwrap();
}

/// Images whose lower half is as bright as their grade is high, over noise.
fn pixels(example: &Example, change: Option<&mut doppelray_measures::rng::Stream>) -> Vec<f32> {
    let mut draws = stream(u64::from(example.row), Purpose::Bootstrap, 0);
    let level = 0.15 * f32::from(example.grade) + 0.02 * draws.normal() as f32;
    let shift = change.map_or(0.0, |c| c.range(-0.02, 0.02) as f32);
    (0..SIDE * SIDE).map(|i| if i > SIDE * SIDE / 2 { 0.2 + level + shift } else { 0.2 }).collect()
}

#[test]
fn a_network_learns_what_grades_differ_in_and_an_interrupted_training_ends_alike() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("weights.safetensors");
    squeezenet(&weights);
    let example = |row: u32| Example { row, grade: (row % 2 * 4) as u8 };
    let (train, val): (Vec<_>, Vec<_>) = ((0..8).map(example).collect(), (8..12).map(example).collect());
    let recipe = Recipe {
        rate: 1e-3,
        lowest: 0.1,
        decay: 0.01,
        batch: 4,
        steps: 12,
        check: 4,
        patience: 3,
        weighting: Weighting::None,
    };
    let phases = [train];
    let course = Course {
        task: Task::Binary,
        recipe: &recipe,
        phases: &phases,
        val: &val,
        pixels: &|example, change| Ok(pixels(example, change)),
        augment: true,
        seed: 1,
    };
    let train =
        |name: &str, looks| tune(&weights, &course, &folder.path().join(name), looks, &silent).unwrap();
    let whole = train("whole", None).unwrap();
    assert!(train("parts", Some(1)).is_none());
    assert!(train("parts", Some(1)).is_none());
    let parts = train("parts", None).unwrap();
    assert_eq!(whole.parameters(), parts.parameters());
    assert_eq!((whole.temperature, whole.step), (parts.temperature, parts.step));
    let images: Vec<Vec<f32>> = val.iter().map(|e| pixels(e, None)).collect();
    for (judged, example) in whole.judge(&images).iter().zip(&val) {
        assert!(judged[Task::Binary.class(example.grade)] > 0.7, "{judged:?} {example:?}");
    }
    let again =
        Tuned::restored(whole.architecture(), Task::Binary, whole.temperature, &whole.parameters()).unwrap();
    assert_eq!(again.judge(&images), whole.judge(&images));
}
