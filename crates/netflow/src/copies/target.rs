//! Where copies go.

use std::{fmt, path::Path, sync::Arc};

use grafolean_collector::backend::http::choose_cryptography;
use object_store::{
    ObjectStore, ObjectStoreExt, PutPayload, RetryConfig, WriteMultipart, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path as ObjectPath,
};
use thiserror::Error;
use tokio::{fs::File, io, io::AsyncReadExt};

use super::super::archive::ArchiveError;

/// Tries of one request, beside those that the copier makes.
const RETRIES: usize = 3;

/// A file is sent in parts of this size, a smaller one at once. S3 takes at most 10,000 parts, of at least 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// Parts that are under way side by side: what waits in memory.
const PARTS_UNDER_WAY: usize = 2;

/// A place in object storage.
#[derive(Clone)]
pub struct Target {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    shown: String,
}

/// Why copies cannot go there.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The address is none.
    #[error("expected s3://BUCKET/PREFIX or file:///FOLDER, found {0:?}")]
    Address(String),
    /// The storage refuses.
    #[error("could not {what} {place}")]
    Store {
        /// What was being done.
        what: &'static str,
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file here, or the list of what was copied, cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl Target {
    /// Opens a place: `s3://BUCKET/PREFIX`, with keys, region and endpoint as `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT` have them, or a folder, `file:///FOLDER`.
    ///
    /// # Errors
    /// Fails if the address is none, or a folder cannot be made.
    pub fn open(address: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = parts(address)?;
        let fault = |source: object_store::Error| TargetError::Store {
            what: "use",
            place: address.to_owned(),
            source: source.into(),
        };
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match scheme {
            Scheme::S3 => {
                choose_cryptography();
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let is_plain = std::env::var("AWS_ENDPOINT").is_ok_and(|url| url.starts_with("http://"));
                let retry = RetryConfig { max_retries: RETRIES, ..RetryConfig::default() };
                let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
                (Arc::new(builder.with_allow_http(is_plain).build().map_err(fault)?), prefix)
            }
            Scheme::Folder => {
                let made = std::fs::create_dir_all(rest);
                made.map_err(ArchiveError::file("make the folder", Path::new(rest)))?;
                (Arc::new(LocalFileSystem::new_with_prefix(rest).map_err(fault)?), "")
            }
        };
        let prefix = ObjectPath::parse(prefix.trim_matches('/'))
            .map_err(|_| TargetError::Address(address.to_owned()))?;
        Ok(Self { store, prefix, shown: address.to_owned() })
    }

    /// Copies a file to a name, whole or not at all, and returns its size.
    pub(super) async fn put(&self, name: &str, file: &Path) -> Result<u64, TargetError> {
        let place = name.split('/').fold(self.prefix.clone(), |place, part| place.join(part));
        let fault = |source: object_store::Error| TargetError::Store {
            what: "copy raw flows to",
            place: format!("{}/{name}", self.shown.trim_end_matches('/')),
            source: source.into(),
        };
        let mut from = File::open(file).await.map_err(ArchiveError::file("open", file))?;
        let first = read_part(&mut from).await.map_err(ArchiveError::file("read", file))?;
        if first.len() < PART_BYTES {
            let bytes = size(&first);
            self.store.put(&place, PutPayload::from(first)).await.map_err(fault)?;
            return Ok(bytes);
        }
        let upload = self.store.put_multipart(&place).await.map_err(fault)?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let (mut part, mut bytes) = (first, 0);
        while !part.is_empty() {
            if let Err(error) = parts.wait_for_capacity(PARTS_UNDER_WAY).await {
                // What was sent is to be forgotten there; if that fails it costs nothing but room.
                let _ = parts.abort().await;
                return Err(fault(error));
            }
            bytes += size(&part);
            parts.put(part.into());
            part = match read_part(&mut from).await {
                Ok(part) => part,
                Err(error) => {
                    let _ = parts.abort().await;
                    return Err(ArchiveError::file("read", file)(error).into());
                }
            };
        }
        parts.finish().await.map_err(fault)?;
        Ok(bytes)
    }
}

/// Reads a part; a shorter one is the last.
async fn read_part(from: &mut File) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
    let mut part = Vec::new();
    from.take(limit).read_to_end(&mut part).await?;
    Ok(part)
}

fn size(part: &[u8]) -> u64 {
    u64::try_from(part.len()).unwrap_or(u64::MAX)
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Target({})", self.shown)
    }
}

enum Scheme {
    S3,
    Folder,
}

fn parts(address: &str) -> Result<(Scheme, &str), TargetError> {
    let refused = || TargetError::Address(address.to_owned());
    let (scheme, rest) = match address.split_once("://") {
        Some(("s3", rest)) => (Scheme::S3, rest),
        Some(("file", rest)) if rest.starts_with('/') => (Scheme::Folder, rest),
        _ => return Err(refused()),
    };
    if rest.trim_matches('/').is_empty() { Err(refused()) } else { Ok((scheme, rest)) }
}

/// Returns the folder of an address; `None` for one in S3, and for what is no address.
pub fn folder(address: &str) -> Option<&Path> {
    match parts(address) {
        Ok((Scheme::Folder, rest)) => Some(Path::new(rest)),
        _ => None,
    }
}

/// Checks an address without opening it.
///
/// # Errors
/// Fails with what was expected.
pub fn check(address: &str) -> Result<(), String> {
    parts(address).map(drop).map_err(|error| error.to_string())
}
