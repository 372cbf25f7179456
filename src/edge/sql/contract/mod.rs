//! What a database source holds to, whatever the database: each sentence once over every engine.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres", feature = "odbc"))]

pub(crate) mod grounds;
mod outcomes;
mod packaged;
mod reading;
mod values;

use grounds::{Kind, on};
pub(super) use grounds::{at, by_time};

/// Mounts every sentence on every ground.
macro_rules! suite {
    ($($ground:ident = $kind:expr),+ ; $($story:path as $name:ident),+ $(,)?) => {
        suite!(@each [$($ground = $kind),+] [$($story as $name),+]);
    };
    (@each [$($ground:ident = $kind:expr),+] $stories:tt) => {
        $(mod $ground { suite!(@one $kind, $stories); })+
    };
    (@one $kind:expr, [$($story:path as $name:ident),+]) => {
        use super::*;
        $(#[tokio::test]
        async fn $name() {
            on($kind, |ground| Box::pin($story(ground))).await;
        })+
    };
}

suite!(
    sqlite = Kind::Sqlite, mariadb = Kind::Mariadb, postgres = Kind::Postgres,
    odbc_sqlite = Kind::OdbcSqlite, odbc_mariadb = Kind::OdbcMariadb,
    odbc_postgres = Kind::OdbcPostgres;
    reading::once_in_order as rows_come_once_in_order_page_by_page,
    reading::overlap as the_overlap_catches_late_commits_and_then_rests,
    reading::wrong_year as one_wrong_year_does_not_hide_the_rest,
    reading::went_back as a_source_that_went_back_or_has_no_times_stops,
    reading::compare as compare_gives_full_passes_in_key_order_and_says_when_one_ends,
    reading::flags as flagged_rows_come_until_they_are_answered_and_in_their_order,
    reading::logs as a_log_says_what_is_new,
    reading::history as a_back_fill_takes_the_days_it_was_told,
    reading::hours as a_closed_hour_reads_nothing_and_leaves_the_cursor,
    reading::budget as a_page_of_large_rows_ends_early_and_goes_on,
    reading::errors as errors_name_adapter_table_and_column,
    outcomes::idempotent as a_write_back_is_idempotent_though_a_trigger_moves_the_time,
    outcomes::refused as one_refused_outcome_leaves_the_others,
    outcomes::own_table as outcomes_go_into_a_table_of_their_own,
    outcomes::front_table as a_front_table_is_taken_in_order_and_answered,
    outcomes::locked as a_held_row_is_busy_and_loses_nothing,
    values::any_text as any_text_comes_out_as_it_is_and_a_row_too_long_is_named,
    values::hostile_keys as keys_of_any_text_are_paged_over,
    values::kinds as values_come_as_the_database_writes_them,
    values::gbk as bytes_of_another_charset_are_read_as_told,
    values::probed as the_doctor_sees_what_is_missing_and_what_is_too_much,
    packaged::logs as a_package_reads_by_a_log_and_answers_in_its_own_table,
    packaged::flags as a_package_reads_what_its_flag_leaves_open,
    packaged::granted as the_printed_rights_are_enough_and_no_more,
    values::isolated as the_isolation_asked_for_is_the_one_in_force,
    values::read_only as a_reading_session_writes_nothing,
);
