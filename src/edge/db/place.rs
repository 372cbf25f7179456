//! Where a database is, and who logs in.

use std::fmt;
use std::path::PathBuf;

use super::Engine;

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// MySQL, MariaDB and what speaks their protocol.
    Mysql(Login),
    /// PostgreSQL and what speaks its protocol.
    Postgres(Login),
    /// Whatever an ODBC driver leads to.
    Odbc(OdbcLogin),
}

/// A server and who logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Host name, address, or the folder of a socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Who.
    pub user: String,
    /// The password, if one is wanted.
    pub password: Option<String>,
    /// Database.
    pub database: String,
    /// Schema whose tables are meant where none is named (PostgreSQL).
    pub schema: Option<String>,
    /// Encryption.
    pub tls: Tls,
    /// File of the certificates the server's is held against; none is the system's list.
    pub ca: Option<PathBuf>,
}

/// A connection by ODBC.
#[derive(Clone, PartialEq, Eq)]
pub struct OdbcLogin {
    /// Connection string without user and password: `DSN=approval` or `Driver={…};Server=…`.
    pub connection: String,
    /// Who.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// What stands behind the driver.
    pub engine: Engine,
}

/// Encryption of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    Disable,
    /// If the server can.
    #[default]
    Prefer,
    /// Always; the certificate is not looked at.
    Require,
    /// Always; the certificate must be of a known authority and name the host.
    VerifyFull,
}

impl Place {
    /// What stands there.
    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Mysql(_) => Engine::Mysql,
            Self::Postgres(_) => Engine::Postgres,
            Self::Odbc(login) => login.engine,
        }
    }

    /// The first word of its address, and the name of its cargo feature.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Mysql(_) => "mysql",
            Self::Postgres(_) => "postgres",
            Self::Odbc(_) => "odbc",
        }
    }
}

/// For people; never with a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Mysql(l) | Self::Postgres(l) => {
                write!(f, "{scheme}://{}@{}:{}/{}", l.user, l.host, l.port, l.database)
            }
            Self::Odbc(login) => write!(f, "{scheme}:{}", login.connection),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "{user}@{host}:{port}/{database}")
    }
}

impl fmt::Debug for OdbcLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.connection)
    }
}
