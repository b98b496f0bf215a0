//! Adam (Kingma and Ba 2015) in one pass over plain values, with a state that a checkpoint can hold by name.

use std::collections::btree_map::Entry;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use doppelray_kernels::passes::{self, AdamRule, AdamState};

use crate::parameters::{Array, Parameters, Path, plain, replace, values};
use crate::store::{below, under};

/// Step size and decay rates.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size.
    pub rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
}

impl AdamConfig {
    /// Whether the values make sense.
    pub(crate) fn holds(&self) -> bool {
        let unit = 0.0..1.0;
        self.rate > 0.0 && self.rate < 1.0 && unit.contains(&self.beta_1) && unit.contains(&self.beta_2)
    }
}

/// Keeps the denominator from 0; Adam's usual value.
const EPSILON: f32 = 1e-8;

/// First and second moments of every parameter, and how many steps were taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adam {
    /// Steps taken.
    pub steps: u64,
    /// First moments.
    pub first: Parameters,
    /// Second moments.
    pub second: Parameters,
}

impl Adam {
    /// The moments by name, behind `prefix`.
    pub(crate) fn state(&self, prefix: &str) -> impl Iterator<Item = (String, Array)> {
        let first = under(&format!("{prefix}.first"), &self.first).collect::<Vec<_>>();
        first.into_iter().chain(under(&format!("{prefix}.second"), &self.second).collect::<Vec<_>>())
    }

    /// The optimiser from its moments behind `prefix`, after `steps` steps.
    pub(crate) fn restored(prefix: &str, state: &Parameters, steps: u64) -> Self {
        let part = |name: &str| below(&format!("{prefix}.{name}"), state);
        Self { steps, first: part("first"), second: part("second") }
    }

    /// The module after one step down the gradients. Parameters without a gradient stay as they are.
    pub fn step<M: Module>(&mut self, config: AdamConfig, module: M, gradients: Gradients) -> M {
        self.paced_step(config, &EVEN, module, gradients)
    }

    /// The same, each parameter at its own pace.
    pub(crate) fn paced_step<M: Module>(
        &mut self,
        config: AdamConfig,
        pace: &Pace,
        module: M,
        gradients: Gradients,
    ) -> M {
        let slopes = slopes(&module, gradients);
        self.descend((config, pace), module, &slopes)
    }

    /// The same down gradients that are plain values.
    pub(crate) fn descend<M: Module>(
        &mut self,
        (config, pace): (AdamConfig, &Pace),
        module: M,
        slopes: &Parameters,
    ) -> M {
        self.steps += 1;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(self.steps as f64) as f32;
        let AdamConfig { rate, beta_1, beta_2 } = config;
        let corrections = [correction(beta_1), correction(beta_2)];
        let rule = AdamRule { rate, betas: [beta_1, beta_2], corrections, epsilon: EPSILON };
        module.map(&mut Step { path: Path::default(), rule, pace, state: self, slopes })
    }
}

/// How fast parameters move, by path.
pub(crate) struct Pace<'a> {
    /// What the step size is multiplied by.
    pub(crate) share: &'a dyn Fn(&str) -> f32,
    /// What a step of full size takes off every value, as a share of it and of the step size (Loshchilov and Hutter 2019).
    pub(crate) decay: f32,
}

/// All alike.
pub(crate) const EVEN: Pace<'static> = Pace { share: &|_| 1.0, decay: 0.0 };

/// The gradients of a module's parameters as plain values; those that have none are left out.
pub(crate) fn slopes(module: &impl Module, gradients: Gradients) -> Parameters {
    struct Collect(Path, Gradients, Parameters);
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // Taken out, so that its memory is handed over and not copied.
            if let Some(gradient) = param.val().grad_remove(&mut self.1) {
                let shape = gradient.dims().to_vec();
                self.2.insert(self.0.join(), Array { shape, values: values(gradient) });
            }
        }
    }
    let mut collect = Collect(Path::default(), gradients, Parameters::new());
    module.visit(&mut collect);
    collect.2
}

/// Adds the slopes of another term of a loss, whose tape need not be there at the same time.
pub(crate) fn add(slopes: &mut Parameters, more: Parameters) {
    for (name, array) in more {
        match slopes.entry(name) {
            Entry::Occupied(mut found) => {
                found.get_mut().values.iter_mut().zip(array.values).for_each(|(sum, value)| *sum += value);
            }
            Entry::Vacant(place) => {
                place.insert(array);
            }
        }
    }
}

struct Step<'a> {
    path: Path,
    rule: AdamRule,
    pace: &'a Pace<'a>,
    state: &'a mut Adam,
    slopes: &'a Parameters,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join();
        let Some(Array { values: gradient, .. }) = self.slopes.get(&name) else { return param };
        let tensor = plain(param.val());
        let zeros = || Array { shape: tensor.dims().to_vec(), values: vec![0.0; gradient.len()] };
        let rule = AdamRule { rate: self.rule.rate * (self.pace.share)(&name), ..self.rule };
        let first = self.state.first.entry(name.clone()).or_insert_with(zeros);
        let second = self.state.second.entry(name).or_insert_with(zeros);
        let mut weights = values(tensor.clone());
        if self.pace.decay > 0.0 {
            weights.iter_mut().for_each(|w| *w *= 1.0 - rule.rate * self.pace.decay);
        }
        let state = AdamState { values: &mut weights, first: &mut first.values, second: &mut second.values };
        passes::adam_step(rule, gradient, state).expect("a gradient has its parameter's shape");
        replace(param, weights)
    }
}

/// Moves `average` a share of `1 - decay` towards `current`, name by name.
pub fn follow(average: &mut Parameters, current: &Parameters, decay: f32) {
    for (name, array) in average {
        passes::follow(&mut array.values, &current[name].values, decay).expect("one network's parameters");
    }
}
