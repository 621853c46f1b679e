//! Where the bytes of a database go: by table, its indexes included.

use crate::{Failure, Options};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, json};

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let connection = Connection::open_with_flags(options.text("from")?, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let events: i64 = connection.query_row("select count(*) from events", [], |row| row.get(0))?;
    let mut statement = connection.prepare(
        "select coalesce(m.tbl_name, s.name), sum(s.pgsize) from dbstat s left join sqlite_master m on m.name = s.name \
         where s.aggregate = 1 group by 1 order by 2 desc",
    )?;
    let tables = statement
        .query_map([], |row| Ok((row.get(0)?, json!(row.get::<_, i64>(1)?))))?
        .collect::<Result<Map<_, _>, _>>()?;
    println!("{}", json!({"events": events, "tables": tables}));
    Ok(())
}
