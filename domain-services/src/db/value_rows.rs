//! Many rows in one statement of SQLite.

use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;

/// A statement over rows whose values are bound one by one: `… select * from (values (?, ?), …) where column1
/// is not null …`. Unpacking the same rows from one JSON argument costs several times as much.
///
/// SQLite prepares each number of rows anew, so there are few: 1, 2, 4, …; what is left over is bound as null
/// and skipped. The first column must not be null.
pub(crate) struct ValueRows {
    columns: usize,
    texts: Vec<String>,
}

impl ValueRows {
    /// `into` ends before `select`, `behind` follows the condition. `rows_max` is a power of two.
    pub(crate) fn new(into: &str, columns: usize, behind: &str, rows_max: usize) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        let texts = (0..=rows_max.ilog2())
            .map(|exponent| {
                let rows = vec![row.as_str(); 1 << exponent].join(",");
                format!("{into}\nselect * from (values {rows}) where column1 is not null\n{behind}")
            })
            .collect();
        Self { columns, texts }
    }

    /// The statement for so many rows, and room for their values.
    pub(crate) fn of(&self, rows: usize) -> Result<(&str, SqliteArguments), BoxDynError> {
        let room = rows.next_power_of_two();
        let text = self
            .texts
            .get(room.ilog2() as usize)
            .ok_or("more rows than a statement takes")?;
        let mut arguments = SqliteArguments::default();
        arguments.reserve(room * self.columns, 0);
        Ok((text, arguments))
    }

    /// Fills up, once all values of so many rows have been added.
    pub(crate) fn fill(
        &self,
        rows: usize,
        arguments: &mut SqliteArguments,
    ) -> Result<(), BoxDynError> {
        let left_over = rows.next_power_of_two() - rows;
        for _ in 0..left_over * self.columns {
            arguments.add(None::<i64>)?;
        }
        Ok(())
    }
}
