//! XChaCha20-Poly1305: its nonce is long enough to be drawn at random for ever. The name and version of a secret are
//! authenticated with it, so that a file moved to another name opens no more.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use plimsoll_stdx::random;

use super::Key;

pub(super) const NONCE_LEN: usize = 24;

/// Encrypts `plain`, bound to `label`. The nonce comes first. Fails beyond 256 GiB only.
pub(super) fn seal(key: &Key, label: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random::bytes();
    let payload = Payload {
        msg: plain,
        aad: label.as_bytes(),
    };
    let cipher = XChaCha20Poly1305::new(&key.0.into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal`] made with the same key and label; `None` for anything else.
pub(super) fn open(key: &Key, label: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let payload = Payload {
        msg: body,
        aad: label.as_bytes(),
    };
    XChaCha20Poly1305::new(&key.0.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
}
