//! A network's parameters as plain values: drawn, collected, loaded, by name.
//!
//! burn draws parameters lazily from a generator that is global to the process; here they are drawn from keyed
//! streams into vectors and handed over, so that a network is a function of its settings and seed.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, stream};

/// A parameter's shape and its values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of the sizes.
    pub values: Vec<f32>,
}

/// All parameters of a network by path: `blocks.0.conv.weight`.
pub type Parameters = BTreeMap<String, Array>;

/// Draws initial parameters, one keyed stream each.
pub struct Init<'a> {
    seed: u64,
    purpose: Purpose,
    next: u64,
    device: &'a Device,
}

impl<'a> Init<'a> {
    /// Draws for `purpose` on `device`.
    pub fn new(seed: u64, purpose: Purpose, device: &'a Device) -> Self {
        Self { seed, purpose, next: 0, device }
    }

    /// Normal with mean 0 and the given deviation.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f32) -> Param<Tensor<D>> {
        self.normal_rows(shape, |_| deviation)
    }

    /// Normal with mean 0 and a deviation for each position along the first dimension.
    pub fn normal_rows<const D: usize>(
        &mut self,
        shape: [usize; D],
        deviation: impl Fn(usize) -> f32,
    ) -> Param<Tensor<D>> {
        let mut draws = stream(self.seed, self.purpose, self.next);
        self.next += 1;
        let (count, row) = (shape.iter().product(), shape[1..].iter().product::<usize>());
        let values = draws.normals(count).iter().enumerate().map(|(i, v)| v * deviation(i / row)).collect();
        self.param(values, shape)
    }

    /// He's initialisation (2015) for leaky ReLU 0.2 with `fan_in` inputs.
    pub fn he<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        self.normal(shape, (2.0 / (1.04 * fan_in as f32)).sqrt())
    }

    /// All 0.
    pub fn zeros<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.param(vec![0.0; shape.iter().product()], shape)
    }

    /// All 1.
    pub fn ones<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.param(vec![1.0; shape.iter().product()], shape)
    }

    fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), self.device)
    }
}

/// Copies a network's parameters out.
pub fn collect(module: &impl Module) -> Parameters {
    struct Collect(Path, Parameters);
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = plain(param.val());
            let shape = tensor.dims().to_vec();
            self.1.insert(self.0.join(), Array { shape, values: values(tensor) });
        }
    }
    let mut collect = Collect(Path::default(), Parameters::new());
    module.visit(&mut collect);
    collect.1
}

/// The network with its parameters replaced by the ones of the same names.
///
/// Fails if a name is missing or of another shape; the message names it.
pub fn load<M: Module>(module: M, parameters: &Parameters) -> Result<M, String> {
    struct Load<'a>(Path, &'a Parameters, Result<(), String>);
    impl ModuleMapper for Load<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.0.join();
            let shape = param.val().dims();
            let found = match self.1.get(&name) {
                Some(array) if array.shape == shape => array,
                Some(array) => {
                    self.2 = Err(format!("tensor `{name}` has shape {:?}, expected {shape:?}", array.shape));
                    return param;
                }
                None => {
                    self.2 = Err(format!("tensor `{name}` of shape {shape:?} is missing"));
                    return param;
                }
            };
            replace(param, found.values.clone())
        }
    }
    let mut mapper = Load(Path::default(), parameters, Ok(()));
    let module = module.map(&mut mapper);
    mapper.2.map(|()| module)
}

/// The parameter with other values, on the same device and as trainable as before.
pub(crate) fn replace<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    let (id, old, mapper) = param.consume();
    let data = TensorData::new(values, old.dims());
    let new = Tensor::from_data(data, &old.device());
    let new = if old.is_require_grad() { new.require_grad() } else { new };
    Param::from_mapped_value(id, new, mapper)
}

/// The tensor off the tape.
pub(crate) fn plain<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.is_autodiff() { tensor.inner() } else { tensor }
}

/// A tensor's values in row-major order, as single precision.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    plain(tensor).into_data().try_into_vec().expect("networks compute in f32")
}

/// Where a visit stands in the tree of modules.
#[derive(Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }
    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }
    pub(crate) fn join(&self) -> String {
        self.0.join(".")
    }
}
