//! A signature over `SHA256SUMS`, and with it over every file, as `minisign` makes and checks it.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use super::sums;

/// The file's name: where `minisign -V -m SHA256SUMS` looks for it.
pub(crate) const NAME: &str = "SHA256SUMS.minisig";

/// Reads a secret key; asks for its password on the terminal where it has one.
pub(crate) fn secret_key(path: &Path) -> anyhow::Result<SecretKey> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let unusable =
        |e| anyhow!("{}: is no secret key of minisign ({e}); make one with `minisign -G`", path.display());
    // One without a password bears no checksum where minisign itself made it, which the crate's own reading asks for.
    let bytes = text.lines().nth(1).and_then(|line| BASE64_STANDARD.decode(line.trim()).ok());
    match bytes.map(|bytes| SecretKey::from_bytes(&bytes)) {
        Some(Ok(key)) if !key.is_encrypted() => Ok(key),
        _ => SecretKeyBox::from_string(&text).and_then(|key| key.into_secret_key(None)).map_err(unusable),
    }
}

/// Reads a public key, from its file or as the line that is in it.
pub(crate) fn public_key(given: &str) -> anyhow::Result<PublicKey> {
    let path = Path::new(given);
    let key = if path.is_file() {
        let text = fs::read_to_string(path).with_context(|| given.to_owned())?;
        PublicKeyBox::from_string(&text).and_then(PublicKeyBox::into_public_key)
    } else {
        PublicKey::from_base64(given)
    };
    key.map_err(|e| anyhow!("{given}: is no public key of minisign, neither a file nor its line ({e})"))
}

/// The signature of a package's sums, which names the package.
pub(crate) fn sign(key: &SecretKey, sums: &[u8], title: &str) -> anyhow::Result<String> {
    let comment = format!("doppelray package: {}", title.replace(['\n', '\r'], " "));
    let own = PublicKey::from_secret_key(key)?;
    Ok(minisign::sign(Some(&own), key, sums, Some(&comment), None)?.into_string())
}

/// What a package's signature says under a key that is trusted; an error where there is none or it is another's.
pub(crate) fn check(package: &Path, key: &PublicKey) -> anyhow::Result<String> {
    let path = package.join(NAME);
    ensure!(path.is_file(), "the package is not signed ({NAME} is missing)");
    let signature = SignatureBox::from_file(&path).map_err(|e| anyhow!("{NAME}: is no signature ({e})"))?;
    let listed = fs::read(package.join(sums::NAME)).with_context(|| sums::NAME.to_owned())?;
    minisign::verify(key, &signature, Cursor::new(listed), true, false, false)
        .map_err(|e| anyhow!("{NAME}: is not of the key that is trusted ({e})"))?;
    Ok(signature.trusted_comment().unwrap_or_default())
}

/// Who says to have signed a package, in words; nothing where nobody did.
pub(crate) fn signer(package: &Path) -> Option<String> {
    let signature = SignatureBox::from_file(package.join(NAME)).ok()?;
    let id: String = signature.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect();
    Some(format!("the key {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doppelray_images::files::write_whole;
    use minisign::KeyPair;

    /// Of `minisign -G -W`, for this test alone.
    const BARE: &str = "untrusted comment: minisign encrypted secret key\n\
        RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZ/npXnxNdslJh/2tFeqie4QtboNDW1wydf\
        rQ1Hu6gcdEdgL8rwqM6iDp2dlGxzdSeeRbI1oMAmM6BNOuPFIkrKkTIs5GBAMFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    #[test]
    fn a_signature_holds_for_its_sums_and_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path();
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            write_whole(&package.join(name), |file| file.write_all(bytes)).unwrap();
        };
        put(sums::NAME, b"ab  images/a.png\n");
        assert!(
            signer(package).is_none() && check(package, &pk).unwrap_err().to_string().contains("not signed")
        );
        put("lab.key", BARE.as_bytes());
        assert!(sign(&secret_key(&package.join("lab.key")).unwrap(), b"x", "y").is_ok());
        put("lab.key", sk.to_box(None).unwrap().into_string().as_bytes());
        let key = secret_key(&package.join("lab.key")).unwrap();
        put(NAME, sign(&key, b"ab  images/a.png\n", "Knees\nof nobody").unwrap().as_bytes());
        let named = public_key(&pk.to_base64()).unwrap();
        assert_eq!(check(package, &named).unwrap(), "doppelray package: Knees of nobody");
        assert!(signer(package).unwrap().starts_with("the key "));
        let other = KeyPair::generate_unencrypted_keypair().unwrap().pk;
        assert!(check(package, &other).unwrap_err().to_string().contains("not of the key that is trusted"));
        put(sums::NAME, b"cd  images/a.png\n");
        assert!(check(package, &pk).is_err());
        assert!(secret_key(&package.join(sums::NAME)).unwrap_err().to_string().contains("minisign -G"));
        assert!(public_key("nonsense").unwrap_err().to_string().contains("neither a file nor its line"));
    }
}
