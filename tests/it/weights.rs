//! Weights as PyTorch writes them, and fetched from where they are published: a server on the loopback.

use std::io::{Cursor, Read, Write};
use std::net::TcpListener;

use safetensors::tensor::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

use crate::fixture::Fixture;

/// SqueezeNet 1.1's tensors by torchvision's names.
const NETWORK: &[u8] = include_bytes!("../../crates/gan/src/own/features.safetensors");

/// The same tensors as `torch.save` writes a state dictionary: a pickle, and a file for each tensor's values.
fn checkpoint() -> Vec<u8> {
    let file = SafeTensors::deserialize(NETWORK).unwrap();
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |n: usize| [b"J", &(n as u32).to_le_bytes()[..]].concat();
    let tuple = |numbers: &[usize]| {
        [b"(".to_vec(), numbers.iter().flat_map(|n| number(*n)).collect(), b"t".to_vec()].concat()
    };
    let empty = b"ccollections\nOrderedDict\n)R";
    let mut pickle = [b"\x80\x02".as_slice(), empty, b"("].concat();
    let mut whole = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut put = |name: &str, bytes: &[u8]| {
        whole.start_file(format!("network/{name}"), stored).unwrap();
        whole.write_all(bytes).unwrap();
    };
    for (at, (name, view)) in file.iter().enumerate() {
        let (shape, class) = (
            view.shape(),
            match view.dtype() {
                Dtype::F16 => "HalfStorage",
                _ => "FloatStorage",
            },
        );
        let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        pickle.extend(text(name));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(format!("ctorch\n{class}\n").into_bytes());
        pickle.extend([text(&at.to_string()), text("cpu"), number(shape.iter().product())].concat());
        pickle.extend([b"tQK\0".to_vec(), tuple(shape), tuple(&strides), b"\x89".to_vec()].concat());
        pickle.extend([empty.as_slice(), b"tR"].concat());
        put(&format!("data/{at}"), view.data());
    }
    pickle.extend(b"u.");
    put("data.pkl", &pickle);
    put("version", b"3\n");
    whole.finish().unwrap().into_inner()
}

/// Gives one file, whatever is asked for.
fn serve(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            let _asked = client.read(&mut [0; 4096]);
            let _sent = client.write_all(head.as_bytes()).and_then(|()| client.write_all(&bytes));
        }
    });
    address
}

#[test]
fn weights_are_fetched_against_their_hash_and_pytorchs_file_gives_what_safetensors_give() {
    let (lab, file) = (Fixture::new("weights"), checkpoint());
    let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let from = serve(file.clone());
    let refused = lab.fail(1, &format!("weights get squeezenet1_1 --from {from}"));
    assert!(refused.contains("does not begin with b8a52dc0; it was not kept"), "{refused}");
    assert!(lab.names().is_empty(), "{:?}", lab.names());
    let get = format!("weights get squeezenet1_1 --from {from} --out own.pth --sha256 {}", &hash[..12]);
    assert!(lab.succeed(&get).contains(&format!("own.pth: fetched, SHA-256 {hash}")));
    assert!(lab.succeed(&get).contains("own.pth: is there already"));
    assert!(lab.fail(1, "weights get squeezenet1_1 --out own.pth").contains("move it away"));
    let nobody = lab.fail(1, "weights get resnet18 --from http://127.0.0.1:9");
    assert!(nobody.contains("resnet18-f37072fd.pth: cannot be fetched"), "{nobody}");

    lab.file("own.safetensors", NETWORK);
    lab.file("half.pth", &file[..file.len() / 2]);
    lab.phantoms();
    lab.succeed("phantom --out fakes --count 40 --size 32 --bits 8 --seed 5");
    let space = |ending: &str| {
        lab.succeed(&format!(
            "evaluate knees fakes --out {ending} --features own.{ending} --real-split train"
        ));
        let report: serde_json::Value =
            serde_json::from_str(&lab.text(&format!("{ending}/evaluate.json"))).unwrap();
        (report["spaces"]["own"]["overall"].clone(), report["spaces"]["own"]["files"][0]["sha256"].clone())
    };
    let (pickled, plain) = (space("pth"), space("safetensors"));
    assert!(pickled.0["frechet"]["value"].is_number() && pickled.0 == plain.0, "{pickled:?} {plain:?}");
    assert_eq!(pickled.1, hash.as_str());
    let broken = lab.fail(1, "evaluate knees fakes --out broken --features half.pth");
    assert!(broken.contains("half.pth") && broken.contains("state dictionary"), "{broken}");
}
