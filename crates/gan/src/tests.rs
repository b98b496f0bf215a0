//! The hand-made gradients against finite differences, and the stores against damage.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, stream};

use crate::Settings;
use crate::adam::Adam;
use crate::checkpoint::{Checkpoint, Position};
use crate::game::{GameConfig, relativistic, wasserstein};
use crate::model::{self, Manner};
use crate::networks::critic::{Critic, CriticConfig};
use crate::networks::generator::GeneratorConfig;
use crate::networks::residual::{ResidualConfig, ResidualCritic};
use crate::parameters::{Init, Path, collect, load, values};
use crate::settings::Sampling;

/// Odd sizes on the way (21, 10, 5, 2), so that the transposed maps must restore them.
const SIZE: usize = 21;
const GRADES: [usize; 3] = [0, 1, 1];

fn critic(device: &Device) -> Critic {
    let config = CriticConfig { channels: vec![4, 6, 5] };
    config.init(&mut Init::new(7, Purpose::CriticWeights, device), 2, SIZE)
}

fn images(device: &Device) -> Tensor<4> {
    let values = stream(1, Purpose::Batch, 0).normals(GRADES.len() * SIZE * SIZE);
    Tensor::from_data(TensorData::new(values, [GRADES.len(), 1, SIZE, SIZE]), device)
}

/// Fails where the gradient that a critic writes out is not the one that backpropagation finds.
fn written_out(
    images: Tensor<4>,
    score: impl FnOnce(Tensor<4>) -> Tensor<2>,
    explicit: impl FnOnce(Tensor<4>) -> Tensor<4>,
) {
    let images = images.require_grad();
    let tape = score(images.clone()).sum().backward();
    let expected = images.grad(&tape).unwrap().into_data();
    let [a, b] = [explicit(images).inner().into_data(), expected].map(|d| d.try_into_vec::<f32>().unwrap());
    let largest = b.iter().fold(0f32, |m, v| m.max(v.abs()));
    // Two orders of summing the same products in single precision.
    assert!(largest > 0.01);
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5 * largest.max(1.0)));
}

/// Fails where a penalty's gradient at some values of the named parameters is not its finite difference, in double
/// precision.
fn differentiated<M: Module>(critic: &M, names: &[&'static str], penalty: impl Fn(&M) -> Tensor<1>) {
    let tape = penalty(critic).backward();
    for &name in names {
        for position in [0, 7, 19] {
            let mut find = Find { path: Path::default(), name, position, tape: &tape, found: None };
            critic.visit(&mut find);
            let analytic = find.found.unwrap();
            // So small a step that hardly any activation changes its sign, where the penalty jumps.
            let step = 1e-7;
            let at = |shift| {
                let moved = critic.clone().map(&mut Nudge { path: Path::default(), name, position, shift });
                penalty(&moved).into_scalar::<f64>()
            };
            let numeric = (at(step) - at(-step)) / (2.0 * step);
            // Rounding of the penalty (1e-16) over the step, and the step's own error.
            assert!(
                (analytic - numeric).abs() < 1e-5 * (1.0 + numeric.abs()),
                "{name}: {analytic} {numeric}"
            );
        }
    }
}

#[test]
fn the_explicit_input_gradient_is_the_one_that_backpropagation_finds() {
    let device = Device::flex().autodiff();
    let critic = critic(&device);
    written_out(images(&device), |x| critic.forward(x, &GRADES), |x| critic.input_gradient(x, &GRADES));
}

#[test]
fn the_penalty_gradient_agrees_with_finite_differences_in_double_precision() {
    let device = Device::flex().autodiff();
    let critic = critic(&device).map(&mut Double);
    let images = images(&device).cast(DType::F64);
    let names = ["convs.0.weight", "convs.1.weight", "convs.2.weight", "direction", "turn"];
    differentiated(&critic, &names, |critic| wasserstein::penalty(critic, images.clone(), &GRADES));
}

fn residual(device: &Device) -> ResidualCritic {
    let config = ResidualConfig { channels: vec![16, 8], blocks: 1 };
    let critic = config.critic(&mut Init::new(7, Purpose::CriticWeights, device), 2, RESIDUAL);
    // Branches that begin as zero would hide their gradients.
    let mut parameters = collect(&critic);
    for (at, array) in parameters.values_mut().enumerate() {
        let draws = stream(3, Purpose::CriticWeights, at as u64).normals(array.values.len());
        array.values.iter_mut().zip(draws).for_each(|(value, draw)| *value += 0.1 * draw);
    }
    load(critic, &parameters).unwrap()
}

/// Side of the residual critic's images.
const RESIDUAL: usize = 12;

fn residual_images(device: &Device) -> Tensor<4> {
    let values = stream(1, Purpose::Batch, 0).normals(GRADES.len() * RESIDUAL * RESIDUAL);
    Tensor::from_data(TensorData::new(values, [GRADES.len(), 1, RESIDUAL, RESIDUAL]), device)
}

#[test]
fn the_residual_critics_explicit_input_gradient_is_the_one_that_backpropagation_finds() {
    let device = Device::flex().autodiff();
    let critic = residual(&device);
    let images = residual_images(&device);
    written_out(images, |x| critic.forward(x, &GRADES), |x| critic.input_gradient(x, &GRADES));
}

#[test]
fn the_gradient_of_r1_agrees_with_finite_differences_in_double_precision() {
    let device = Device::flex().autodiff();
    let critic = residual(&device).map(&mut Double);
    let images = residual_images(&device).cast(DType::F64);
    let names = [
        "bands.weight",
        "stages.0.blocks.0.widen.weight",
        "stages.0.blocks.0.grouped.weight",
        "stages.1.blocks.0.narrow.weight",
        "stages.0.leave.weight",
        "direction",
        "turn",
    ];
    differentiated(&critic, &names, |critic| relativistic::penalty(critic, images.clone(), &GRADES));
}

/// Numbers that PyTorch drew alike, in `bench/wgan.py`.
fn ramp(count: usize, step: usize, modulus: usize, scale: f32) -> Vec<f32> {
    let value = |i: usize| ((i * step + 7) % modulus) as f32 - (modulus / 2) as f32;
    (0..count).map(|i| value(i) / modulus as f32 * scale).collect()
}

#[test]
fn the_penalty_and_its_gradients_are_those_of_double_backward_in_pytorch() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("testdata/penalty.json")).unwrap();
    let device = Device::flex().autodiff();
    let mut parameters = collect(&critic(&device));
    parameters.values_mut().for_each(|a| a.values = ramp(a.values.len(), 37, 97, 0.9));
    let critic = load(critic(&device), &parameters).unwrap();
    let images =
        TensorData::new(ramp(GRADES.len() * SIZE * SIZE, 53, 101, 3.0), [GRADES.len(), 1, SIZE, SIZE]);
    let penalty = wasserstein::penalty(&critic, Tensor::from_data(images, &device), &GRADES);
    let expected = golden["penalty"].as_f64().unwrap();
    let found = f64::from(penalty.clone().into_scalar::<f32>());
    // Single against double precision: a few hundred roundings of 6e-8.
    assert!((found - expected).abs() < 1e-4 * expected, "{found} {expected}");
    let mut probe = Adam::default();
    // With betas of 0 the first moment is the gradient itself.
    let config = crate::adam::AdamConfig { rate: 0.0, beta_1: 0.0, beta_2: 0.0 };
    let _same = probe.step(config, critic, penalty.backward());
    for name in ["convs.0.weight", "convs.1.weight", "convs.2.weight", "direction", "turn"] {
        let expected: Vec<f64> = serde_json::from_value(golden["gradients"][name].clone()).unwrap();
        let largest = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
        let found = &probe.first[name].values;
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
        assert!(largest > 0.0 && worst < 1e-4 * largest, "{name}: off by {worst} of {largest}");
    }
}

/// Parameters in double precision.
struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| Tensor::from_inner(t.inner().cast(DType::F64)).require_grad())
    }
}

/// Adds `shift` to one value of one parameter.
struct Nudge {
    path: Path,
    name: &'static str,
    position: usize,
    shift: f64,
}

impl ModuleMapper for Nudge {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.join() != self.name {
            return param;
        }
        param.map(|t| {
            let (shape, device) = (t.dims(), t.device());
            let mut values: Vec<f64> = t.inner().into_data().try_into_vec().unwrap();
            values[self.position] += self.shift;
            Tensor::from_data(TensorData::new(values, shape), (&device, DType::F64)).require_grad()
        })
    }
}

/// Finds the gradient at one value of one parameter.
struct Find<'a> {
    path: Path,
    name: &'static str,
    position: usize,
    tape: &'a Gradients,
    found: Option<f64>,
}

impl ModuleVisitor for Find<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.path.join() == self.name {
            let gradient = param.val().grad(self.tape).unwrap();
            self.found = Some(gradient.into_data().try_into_vec::<f64>().unwrap()[self.position]);
        }
    }
}

#[test]
fn an_image_depends_on_its_latent_and_grade_and_not_on_its_batch() {
    let device = Device::flex();
    let config = GeneratorConfig { latent: 8, embedding: 4, channels: vec![12, 8, 8] };
    let generator = config.init(&mut Init::new(1, Purpose::GeneratorWeights, &device), 5, 30);
    let latents = |values: &[f32]| {
        Tensor::<2>::from_data(TensorData::new(values.to_vec(), [values.len() / 8, 8]), &device)
    };
    let draws = stream(2, Purpose::SampleLatent, 0).normals(3 * 8);
    let together = values(generator.forward(latents(&draws), &[0, 3, 4]));
    let alone = values(generator.forward(latents(&draws[8..16]), &[3]));
    assert_eq!(together.len(), 3 * 900);
    assert_eq!(together[900..1800], alone);
    assert_ne!(values(generator.forward(latents(&draws[8..16]), &[4])), alone);
}

fn checkpoint(step: u64) -> Checkpoint {
    let mut position = Position::start("data");
    position.step = step;
    Checkpoint { position, state: collect(&critic(&Device::flex())) }
}

#[test]
fn a_checkpoint_comes_back_whole_and_a_truncated_one_falls_back_to_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Checkpoint::read(folder.path()).unwrap().is_none());
    checkpoint(1).write(folder.path()).unwrap();
    checkpoint(2).write(folder.path()).unwrap();
    let (newest, trouble) = Checkpoint::read(folder.path()).unwrap().unwrap();
    assert!(trouble.is_none());
    assert_eq!(newest.position.step, 2);
    assert_eq!(newest.state, checkpoint(2).state);
    let path = folder.path().join("newest.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    doppelray_images::files::write_whole(&path, |out| out.write_all(&bytes[..bytes.len() / 2])).unwrap();
    let (before, trouble) = Checkpoint::read(folder.path()).unwrap().unwrap();
    assert_eq!(before.position.step, 1);
    assert!(trouble.unwrap().to_string().contains("newest.safetensors: not a whole safetensors file"));
}

#[test]
fn a_model_of_another_shape_is_refused_with_tensor_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let small = Settings::resolve("tiny", &["game.generator.channels=[8, 8]".into()]).unwrap();
    let device = Device::flex();
    let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
    let GameConfig::Wasserstein(config) = &small.game else { panic!("tiny plays Wasserstein") };
    let average = collect(&config.generator.init(&mut init, 5, 64));
    model::write(&path, &model::Header::new(&small, 0, "data", &[1; 5]), &average).unwrap();
    let drawn = model::Model::open(&path).unwrap();
    let draw = |grade, seed| drawn.draw(grade, seed, Manner::default());
    assert_eq!(draw(2.0, 9).unwrap(), draw(2.0, 9).unwrap());
    assert!(draw(7.0, 9).unwrap_err().contains("not 7"));
    let other = Settings::resolve("tiny", &["game.generator.channels=[8, 16]".into()]).unwrap();
    model::write(&path, &model::Header::new(&other, 0, "data", &[1; 5]), &average).unwrap();
    let message = model::Model::open(&path).err().unwrap().to_string();
    assert!(message.contains("tensor `") && message.contains(", expected ["), "{message}");
}

#[test]
fn a_model_is_half_as_large_as_its_weights_and_draws_the_same_to_a_grey_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let settings = Settings::resolve("tiny", &[]).unwrap();
    let device = Device::flex();
    let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
    let GameConfig::Wasserstein(config) = &settings.game else { panic!("tiny plays Wasserstein") };
    let average = collect(&config.generator.init(&mut init, 5, 64));
    model::write(&path, &model::Header::new(&settings, 0, "data", &[1; 5]), &average).unwrap();
    let whole: usize = average.values().map(|array| array.values.len() * 4).sum();
    assert!(std::fs::metadata(&path).unwrap().len() < whole as u64 * 6 / 10);
    let drawn = model::Model::open(&path).unwrap().draw(1.0, 3, Manner::default()).unwrap();
    let generator = crate::game::generator(&settings, &average).unwrap();
    let exact = model::draw(&generator, &settings.shares_at(1, 1.0), 3, Manner::default());
    let apart = |(a, b): (&u16, &u16)| a.abs_diff(*b);
    assert!(drawn.pixels().iter().zip(exact.pixels()).map(apart).max().unwrap() <= 1);
}

#[test]
fn a_model_names_the_file_of_frozen_features_and_not_where_it_lay() {
    let settings =
        Settings::resolve("fast", &["game.features=/home/someone/weights.safetensors".into()]).unwrap();
    let header = model::Header::new(&settings, 0, "data", &[1; 5]);
    let GameConfig::Projected(config) = header.settings.game else { panic!("fast plays the projected game") };
    assert_eq!(config.features, "weights.safetensors");
}

#[test]
fn a_grade_between_two_lies_between_their_images_and_no_latent_is_one_knee() {
    let settings = Settings::resolve("tiny", &["grades=[0, 2, 3]".into()]).unwrap();
    let device = Device::flex();
    let mut init = Init::new(0, Purpose::GeneratorWeights, &device);
    let GameConfig::Wasserstein(config) = &settings.game else { panic!("tiny plays Wasserstein") };
    let average = collect(&config.generator.init(&mut init, 3, 64));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model::write(&path, &model::Header::new(&settings, 0, "data", &[1; 3]), &average).unwrap();
    let model = model::Model::open(&path).unwrap();
    let guided = |grade, seed, [truncation, guidance]: [f64; 2]| {
        let sampling = Sampling { truncation, guidance };
        let manner = Manner { sampling, depth: doppelray_images::Depth::Sixteen };
        model.draw(grade, seed, manner).unwrap()
    };
    let draw = |grade, seed, truncation| guided(grade, seed, [truncation, 1.0]);
    let apart_by = |a: f64, b: f64, guidance: f64| {
        let [a, b] = [a, b].map(|grade| guided(grade, 1, [1.0, guidance]).to_unit());
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f32>()
    };
    let apart = |a, b| apart_by(a, b, 1.0);
    // 1 stands half way from 0 to 2, which the model learned next to each other.
    assert!(
        apart(0.0, 1.0) > 0.0 && apart(0.0, 1.0) < apart(0.0, 2.0),
        "{} {}",
        apart(0.0, 1.0),
        apart(0.0, 2.0)
    );
    assert!(apart(0.0, 0.5) < apart(0.0, 1.0));
    // Guidance moves grades apart, or all onto their mean.
    assert!(apart_by(0.0, 3.0, 2.0) > 1.2 * apart(0.0, 3.0));
    assert_eq!(apart_by(0.0, 3.0, 0.0), 0.0);
    assert!(model.draw(3.5, 1, Manner::default()).is_err());
    assert_ne!(draw(0.0, 1, 1.0), draw(0.0, 2, 1.0));
    assert_eq!(draw(0.0, 1, 0.0), draw(0.0, 2, 0.0));
    let between = |share| model.between(0.0, [1, 2], share, Manner::default()).unwrap();
    assert_eq!(between(0.0), model.draw(0.0, 1, Manner::default()).unwrap());
    assert_ne!(between(0.5), between(0.0));
}
