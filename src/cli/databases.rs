//! From a database of the configuration to one that can be opened: secrets are fetched here.

use edge::db::{Engine, Isolation, Login, OdbcLogin, Place, Tls};
use exchange::config::{self, Database, PostgresTls, SecretRef};

use crate::open;
use crate::text::Failure;

/// The database with its password.
///
/// # Errors
/// The password's file or variable is not there.
pub(crate) fn place(database: &Database) -> Result<Place, Failure> {
    let password = |reference: &Option<SecretRef>| -> Result<Option<String>, Failure> {
        let secret = reference.as_ref().map(open::secret).transpose()?;
        Ok(secret.map(|s| s.expose().trim_end_matches(['\r', '\n']).to_owned()))
    };
    Ok(match database {
        Database::Sqlite(path) => Place::Sqlite(path.clone()),
        Database::Server(server) => {
            let login = Login {
                host: server.host.to_string(),
                port: server.port,
                user: server.user.to_string(),
                password: password(&server.password)?,
                database: server.database.to_string(),
                schema: server.schema.as_ref().map(ToString::to_string),
                tls: tls(server.tls),
                ca: server.ca.clone(),
            };
            if server.engine == config::Engine::Mysql {
                Place::Mysql(login)
            } else {
                Place::Postgres(login)
            }
        }
        Database::Odbc(odbc) => Place::Odbc(OdbcLogin {
            connection: odbc.connection.to_string(),
            user: odbc.user.as_ref().map(ToString::to_string),
            password: password(&odbc.password)?,
            engine: engine(odbc.engine),
        }),
    })
}

const fn engine(engine: config::Engine) -> Engine {
    match engine {
        config::Engine::Sqlite => Engine::Sqlite,
        config::Engine::Mysql => Engine::Mysql,
        config::Engine::Postgres => Engine::Postgres,
        config::Engine::Mssql => Engine::Mssql,
        config::Engine::Oracle => Engine::Oracle,
    }
}

const fn tls(tls: PostgresTls) -> Tls {
    match tls {
        PostgresTls::Disable => Tls::Disable,
        PostgresTls::Prefer => Tls::Prefer,
        PostgresTls::Require => Tls::Require,
        PostgresTls::VerifyFull => Tls::VerifyFull,
    }
}

/// Isolation in the words of the sources.
pub(crate) const fn isolation(isolation: config::Isolation) -> Isolation {
    match isolation {
        config::Isolation::ReadUncommitted => Isolation::ReadUncommitted,
        config::Isolation::ReadCommitted => Isolation::ReadCommitted,
        config::Isolation::RepeatableRead => Isolation::RepeatableRead,
        config::Isolation::Serializable => Isolation::Serializable,
    }
}

/// A database as it is named on a command line: `sqlite:PATH`, `mysql://USER[:PASSWORD]@HOST[:PORT]/DATABASE`
/// or `postgres://…[?schema=NAME]`. A password given apart goes before one in the address.
pub(crate) fn of_url(url: &str, password: Option<String>) -> Option<Place> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return (!path.is_empty()).then(|| Place::Sqlite(path.into()));
    }
    let (scheme, rest) = url.split_once("://")?;
    let (place, port): (fn(Login) -> Place, u16) = match scheme {
        "mysql" | "mariadb" => (Place::Mysql, 3306),
        "postgres" | "postgresql" => (Place::Postgres, 5432),
        _ => return None,
    };
    let (who, rest) = rest.rsplit_once('@')?;
    let (user, written) = match who.split_once(':') {
        Some((user, written)) => (user, Some(written.to_owned())),
        None => (who, None),
    };
    let (server, database) = rest.split_once('/')?;
    let (database, schema) = match database.split_once("?schema=") {
        Some((database, schema)) => (database, Some(schema.to_owned())),
        None => (database, None),
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (server, port),
    };
    let whole = !user.is_empty() && !host.is_empty() && !database.is_empty();
    let (host, user, database) = (host.to_owned(), user.to_owned(), database.to_owned());
    let (password, tls) = (password.or(written), Tls::Prefer);
    whole.then(|| place(Login { host, port, user, password, database, schema, tls, ca: None }))
}
