//! Where a model is trained.

use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// A kind of processor. All but the CPU take a build with the feature of their name; a snapshot made by one goes on by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processor {
    /// This machine's CPU, by our own kernels.
    #[default]
    Cpu,
    /// A graphics processor by Vulkan, Metal or DirectX.
    Wgpu,
    /// One of NVIDIA's by CUDA.
    Cuda,
}

impl Processor {
    /// Its names on the command line.
    const NAMES: [&str; 3] = ["cpu", "wgpu", "cuda"];

    /// The device, off the tape.
    ///
    /// Fails where the program was built without it, or the machine has none.
    pub(crate) fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu_options()
                .init()
                .map_err(|e| self.absent(format!("{e}; install a driver for Vulkan, Metal or DirectX"))),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            other => {
                let feature = Self::NAMES[other as usize];
                Err(other.absent(format!(
                    "this program was built without it; build with `cargo build --release --features {feature}`"
                )))
            }
        }
    }

    fn absent(self, reason: String) -> Error {
        Error::Processor { name: Self::NAMES[self as usize], reason }
    }
}

impl FromStr for Processor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Cpu, Self::Wgpu, Self::Cuda];
        let found = Self::NAMES.iter().zip(all).find(|(known, _)| **known == name);
        found.map(|(_, processor)| processor).ok_or_else(|| format!("`{name}` is not one of cpu, wgpu, cuda"))
    }
}
