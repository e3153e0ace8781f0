//! Credentials of a configuration file, and the queue that may need some.

use sagewire_core::sigv4::Credentials;
use toml::Spanned;

use super::config::ConfigError;
use super::schema;
use super::values::{Reader, without_password};
use crate::server::{Known, Location, QueueSettings, S3Settings, StorageSettings};

/// Keys as they stand in the file: a secret or a variable's name, a token or a variable's name.
struct Keys<'a> {
    access_key_id: &'a Spanned<String>,
    secret: (Option<&'a Spanned<String>>, Option<&'a Spanned<String>>),
    token: (Option<&'a String>, Option<&'a Spanned<String>>),
}

impl Reader<'_> {
    pub(super) fn known(&self, given: &schema::Credentials) -> Result<Known, ConfigError> {
        let keys = Keys {
            access_key_id: &given.access_key_id,
            secret: (given.secret_access_key.as_ref(), given.secret_access_key_env.as_ref()),
            token: (given.session_token.as_ref(), given.session_token_env.as_ref()),
        };
        Ok(Known {
            credentials: self.credentials(&keys)?,
            endpoints: given.endpoints.clone().unwrap_or_else(|| vec!["*".to_owned()]),
        })
    }

    fn credentials(&self, given: &Keys<'_>) -> Result<Credentials, ConfigError> {
        let id = given.access_key_id;
        let sound = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        if id.get_ref().is_empty() || !id.get_ref().bytes().all(sound) {
            return Err(self.error(id, "it is no access key id", "visible ASCII without slashes"));
        }
        let from_environment = |name: &Spanned<String>| {
            let missing = format!("the variable {:?} is not set", name.get_ref());
            (self.environment)(name.get_ref())
                .ok_or_else(|| self.error(name, missing, "a variable of the environment"))
        };
        let secret = match given.secret {
            (Some(secret), None) => secret.get_ref().clone(),
            (None, Some(name)) => from_environment(name)?,
            (_, _) => {
                let allowed = "secret_access_key or secret_access_key_env";
                return Err(self.error(id, "it needs one secret", allowed));
            }
        };
        if secret.is_empty() {
            return Err(self.error(id, "its secret is empty", "a secret"));
        }
        let token = match given.token {
            (token, None) => token.cloned(),
            (None, Some(name)) => Some(from_environment(name)?),
            (Some(_), Some(name)) => {
                let allowed = "session_token or session_token_env";
                return Err(self.error(name, "it has two tokens", allowed));
            }
        };
        Ok(Credentials {
            access_key_id: id.get_ref().clone(),
            secret_access_key: secret,
            token,
            expires_at: None,
        })
    }

    pub(super) fn queue(&self, given: &schema::Queue) -> Result<QueueSettings, ConfigError> {
        let prefix = |place: &Spanned<String>| {
            let problem = format!("{:?} is no place in S3", place.get_ref());
            Location::parse_prefix(place.get_ref())
                .ok_or_else(|| self.error(place, problem, "s3://bucket/prefix"))
        };
        let storage = match (&given.folder, &given.s3) {
            (Some(folder), None) => StorageSettings::Folder(folder.into()),
            (None, Some(s3)) => StorageSettings::S3(self.s3(s3)?),
            (_, _) => {
                let problem = "objects need one place";
                return Err(self.error(&given.database, problem, "queue.folder or [queue.s3]"));
            }
        };
        Ok(QueueSettings {
            database: Some(given.database.get_ref().into()),
            storage,
            output: prefix(&given.output)?,
            failure: prefix(&given.failure)?,
            workers: self.count(given.workers.as_ref(), 4, 1, 1024)?,
        })
    }

    fn s3(&self, given: &schema::S3) -> Result<S3Settings, ConfigError> {
        let keys = Keys {
            access_key_id: &given.access_key_id,
            secret: (given.secret_access_key.as_ref(), given.secret_access_key_env.as_ref()),
            token: (given.session_token.as_ref(), given.session_token_env.as_ref()),
        };
        let settings = S3Settings {
            endpoint: given.endpoint.get_ref().clone(),
            region: self.region(given.region.as_ref())?,
            credentials: self.credentials(&keys)?,
            ca_bundle: given.ca_bundle.clone(),
            clock: self.clock,
        };
        if !settings.is_sound() {
            let shown = without_password(&settings.endpoint);
            let problem = format!("{shown:?} is no endpoint of S3");
            return Err(self.error(&given.endpoint, problem, "https://host or http://host"));
        }
        Ok(settings)
    }
}
