//! Reads settings from their three sources, and says in one sentence what is wrong with one.

use super::{Config, SETTINGS, Setting};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The TOML file.
    File(PathBuf),
    /// An environment variable of this name.
    Variable(String),
    /// The command line.
    Flag,
    /// Several settings together.
    Together,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "in the variable {name}"),
            Self::Flag => f.write_str("on the command line"),
            Self::Together => f.write_str("all sources taken together"),
        }
    }
}

/// A setting that stops the start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// Its value is wrong.
    #[error("the setting `{name}` {wrong} ({source_of})")]
    Wrong {
        /// The setting.
        name: String,
        /// What is wrong, completing the sentence.
        wrong: String,
        /// Where it was found.
        source_of: Source,
    },
    /// There is no such setting.
    #[error("there is no setting `{name}` ({source_of}){}", suggestion(name))]
    Unknown {
        /// The name that means nothing.
        name: String,
        /// Where it was found.
        source_of: Source,
    },
    /// The file cannot be read.
    #[error("the settings file {} cannot be used: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Collects settings, later ones over earlier ones, and all errors.
#[derive(Debug, Default)]
pub struct Loader {
    config: Config,
    errors: Vec<SettingError>,
}

impl Loader {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a TOML file. Tables are a way of grouping: `[rollback] window` is `rollback_window`.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Self {
        let file = std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                text.parse::<toml::Table>()
                    .map_err(|e| e.message().to_owned())
            });
        match file {
            Ok(table) => self.table("", table, path),
            Err(why) => self.errors.push(SettingError::File {
                path: path.to_owned(),
                why,
            }),
        }
        self
    }

    fn table(&mut self, prefix: &str, table: toml::Table, path: &Path) {
        let source = || Source::File(path.to_owned());
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => self.table(&format!("{name}_"), inner, path),
                toml::Value::String(text) => self.set(&name, &text, source()),
                toml::Value::Integer(number) => self.set(&name, &number.to_string(), source()),
                toml::Value::Boolean(flag) => self.set(&name, &flag.to_string(), source()),
                toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                    let items: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
                    self.set(&name, &items.join(","), source());
                }
                _ => self.errors.push(SettingError::Wrong {
                    name,
                    wrong: "must be a string, a whole number or true or false".to_owned(),
                    source_of: source(),
                }),
            }
        }
    }

    /// Takes the `ATHENA_…` variables of an environment. `ATHENA_CONFIG` names the file and is the
    /// caller's; `ATHENA_TEST_…` belongs to the project's own tests.
    #[must_use]
    pub fn variables(mut self, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut found: Vec<_> = environment
            .filter(|(name, _)| name.starts_with("ATHENA_"))
            .filter(|(name, _)| name != "ATHENA_CONFIG" && !name.starts_with("ATHENA_TEST_"))
            .collect();
        found.sort_unstable();
        for (variable, value) in found {
            let name = variable["ATHENA_".len()..].to_ascii_lowercase();
            self.set(&name, &value, Source::Variable(variable));
        }
        self
    }

    /// Takes settings given on the command line.
    #[must_use]
    pub fn flags<'a>(mut self, flags: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        for (name, value) in flags {
            self.set(name, &value, Source::Flag);
        }
        self
    }

    fn set(&mut self, name: &str, value: &str, source: Source) {
        let Some(setting) = find(name) else {
            self.errors.push(SettingError::Unknown {
                name: name.to_owned(),
                source_of: source,
            });
            return;
        };
        if let Err(wrong) = (setting.set)(&mut self.config, value) {
            self.errors.push(SettingError::Wrong {
                name: name.to_owned(),
                wrong,
                source_of: source,
            });
        }
    }

    /// The settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// One sentence for each wrong or unknown setting.
    pub fn finish(mut self) -> Result<Config, Vec<SettingError>> {
        if let Some((name, wrong)) = self.config.contradiction() {
            self.errors.push(SettingError::Wrong {
                name: name.to_owned(),
                wrong: wrong.to_owned(),
                source_of: Source::Together,
            });
        }
        if self.errors.is_empty() {
            Ok(self.config)
        } else {
            Err(self.errors)
        }
    }
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// `; did you mean …?` when a known name is a slip of the finger away.
fn suggestion(name: &str) -> String {
    SETTINGS
        .iter()
        .map(|setting| (distance(name, setting.name), setting.name))
        .min()
        .filter(|(slips, _)| *slips <= 3 && slips * 2 < name.len())
        .map(|(_, close)| format!("; did you mean `{close}`?"))
        .unwrap_or_default()
}

/// Levenshtein's edit distance.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, l) in left.bytes().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (i, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[i + 1];
            row[i + 1] = substituted.min(diagonal + 1).min(row[i] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn sentence(loader: Loader) -> String {
        let errors = loader.finish().unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].to_string()
    }

    #[test]
    fn variables_win_over_the_file_and_flags_over_both() {
        let file =
            file("listen = \"127.0.0.1:1\"\nmax_changes = 10\n[rollback]\nwindow = \"1h\"\n");
        let config = Loader::new()
            .file(file.path())
            .variables(environment(&[
                ("ATHENA_LISTEN", "127.0.0.1:2"),
                ("ATHENA_MAX_BODY", "2MiB"),
                ("HOME", "/"),
            ]))
            .flags([("listen", "127.0.0.1:3".to_owned())])
            .finish()
            .unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.max_changes, 10);
        assert_eq!(config.max_body, 2 << 20);
        assert_eq!(config.rollback_window, Duration::from_hours(1));
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_source_and_a_guess() {
        let said = sentence(Loader::new().variables(environment(&[("ATHENA_RATE_LIMITS", "off")])));
        assert_eq!(
            said,
            "there is no setting `rate_limits` (in the variable ATHENA_RATE_LIMITS); did you mean `rate_limit`?"
        );
        let file = file("colour = \"red\"");
        let said = sentence(Loader::new().file(file.path()));
        assert!(
            said.starts_with("there is no setting `colour` (in /"),
            "{said}"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_source() {
        let said =
            sentence(Loader::new().variables(environment(&[("ATHENA_ROLLBACK_WINDOW", "a day")])));
        assert_eq!(
            said,
            "the setting `rollback_window` must be a duration such as `24h` or `60s`, not `a day` (in the variable ATHENA_ROLLBACK_WINDOW)"
        );
    }

    #[test]
    fn passwords_are_never_repeated() {
        for (name, value) in [
            ("ATHENA_DATABASE_URL", "mysql://me:hunter2@db/x"),
            ("ATHENA_ADMIN_PASSWORD", "hunter2"),
        ] {
            let said = sentence(Loader::new().variables(environment(&[(name, value)])));
            assert!(!said.contains("hunter2"), "{said}");
        }
        let config = Loader::new()
            .variables(environment(&[(
                "ATHENA_DATABASE_URL",
                "postgres://me:hunter2@db/x",
            )]))
            .finish()
            .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for setting in SETTINGS {
            assert!(!setting.show(&config).contains("hunter2"));
        }
    }

    #[test]
    fn a_broken_or_missing_file_is_one_sentence() {
        let broken = file("listen = ");
        assert!(sentence(Loader::new().file(broken.path())).contains("cannot be used"));
        assert!(sentence(Loader::new().file(Path::new("/nowhere.toml"))).contains("/nowhere.toml"));
        let float = file("max_changes = 1.5");
        assert!(sentence(Loader::new().file(float.path())).contains("`max_changes`"));
    }

    #[test]
    fn what_contradicts_is_refused() {
        let said = sentence(Loader::new().flags([("tls_cert", "cert.pem".to_owned())]));
        assert!(said.contains("`tls_cert` and `tls_key`"), "{said}");
        let said = sentence(Loader::new().flags([("only", "request,approval".to_owned())]));
        assert!(
            said.contains("user, request and catalog together"),
            "{said}"
        );
    }

    #[test]
    fn settings_of_kafka_that_do_not_go_together_are_refused() {
        let with = |more: &[(&'static str, &str)]| {
            let brokers = ("kafka_brokers", "kafka:9092".to_owned());
            let more = more
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            Loader::new().flags(std::iter::once(brokers).chain(more))
        };
        assert!(with(&[]).finish().unwrap().kafka().is_some());
        for (more, said) in [
            (
                &[("kafka_brokers", "kafka")][..],
                "`kafka_brokers` must name brokers",
            ),
            (&[("kafka_ca", "ca.pem")], "`kafka_tls` must be on"),
            (
                &[("kafka_tls", "on"), ("kafka_cert", "c.pem")],
                "and `kafka_key`",
            ),
            (
                &[("kafka_user", "me")],
                "and `kafka_user` and `kafka_password`",
            ),
            (&[("kafka_sasl", "GSSAPI")], "must be `PLAIN`"),
            (&[("kafka_topic_prefix", "a b")], "letters, digits"),
            (
                &[("inbox_retention", "8days")],
                "at least twice `outbox_retention`",
            ),
        ] {
            let sentence = sentence(with(more));
            assert!(sentence.contains(said), "{sentence}");
        }
        let alone = Loader::new().flags([("kafka_tls", "on".to_owned())]);
        assert!(sentence(alone).contains("must be given with the other settings of Kafka"));
    }

    #[test]
    fn every_default_shown_is_a_value_that_can_be_set() {
        let config = Config::default();
        for setting in SETTINGS {
            let shown = setting.show(&config);
            if !shown.is_empty() {
                let again = Loader::new()
                    .flags([(setting.name, shown.clone())])
                    .finish();
                assert_eq!(setting.show(&again.unwrap()), shown, "{}", setting.name);
            }
        }
    }
}
