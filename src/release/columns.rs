//! `manifest.parquet` of a package: the table once more, with types, for programs that read columns.

use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::manifest::Entry;

/// The file's name.
pub(crate) const NAME: &str = "manifest.parquet";

const SCHEMA: &str = "message manifest {
    required binary file (STRING);
    required binary id (STRING);
    optional int32 grade (INTEGER(8, false));
    optional int64 seed (INTEGER(64, false));
    required binary sha256 (STRING);
    required binary source_sha256 (STRING);
}";

/// The table; the same entries make the same bytes.
pub(crate) fn table(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let by = format!("doppelray {}", env!("CARGO_PKG_VERSION"));
    let properties = Arc::new(WriterProperties::builder().set_created_by(by).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut rows = writer.next_row_group()?;
    let mut place = 0;
    while let Some(mut column) = rows.next_column()? {
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(column) => {
                let text: fn(&Entry) -> &str = match place {
                    0 => |entry| &entry.file,
                    1 => |entry| &entry.id,
                    4 => |entry| &entry.sha256,
                    _ => |entry| &entry.source_sha256,
                };
                let values: Vec<ByteArray> = entries.iter().map(|entry| text(entry).into()).collect();
                column.write_batch(&values, None, None)?;
            }
            ColumnWriter::Int32ColumnWriter(column) => {
                let (values, there) = present(entries.iter().map(|entry| entry.grade.map(i32::from)));
                column.write_batch(&values, Some(&there), None)?;
            }
            ColumnWriter::Int64ColumnWriter(column) => {
                // The type is unsigned; its bits are these.
                let (values, there) = present(entries.iter().map(|entry| entry.seed.map(u64::cast_signed)));
                column.write_batch(&values, Some(&there), None)?;
            }
            _ => unreachable!("the schema above"),
        }
        column.close()?;
        place += 1;
    }
    rows.close()?;
    Ok(writer.into_inner()?)
}

/// The values that are there, and of every row whether its is (1) or not (0).
fn present<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut found, mut there) = (Vec::new(), Vec::new());
    for value in values {
        there.push(i16::from(value.is_some()));
        found.extend(value);
    }
    (found, there)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    #[test]
    fn what_was_written_is_read_with_its_types_and_gaps() {
        let entry = |at: usize, grade, seed| Entry {
            file: format!("images/train/{at}.png"),
            id: at.to_string(),
            grade,
            seed,
            sha256: "ab".repeat(32),
            source_sha256: "cd".repeat(32),
        };
        let entries = [entry(0, Some(4), Some(u64::MAX)), entry(1, None, None), entry(2, Some(0), Some(7))];
        let bytes = table(&entries).unwrap();
        assert_eq!(bytes, table(&entries).unwrap());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        let text = |text: &str| Field::Str(text.to_owned());
        let fields = |entry: &Entry| {
            vec![
                text(&entry.file),
                text(&entry.id),
                entry.grade.map_or(Field::Null, Field::UByte),
                entry.seed.map_or(Field::Null, Field::ULong),
                text(&entry.sha256),
                text(&entry.source_sha256),
            ]
        };
        assert_eq!(rows, entries.iter().map(fields).collect::<Vec<_>>());
        assert!(table(&[]).is_ok());
    }
}
