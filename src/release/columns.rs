//! `manifest.parquet` of a package: the table once more, with types, for programs that read columns.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
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
    // In the schema's order.
    text(&mut rows, entries.iter().map(|entry| entry.file.as_str()))?;
    text(&mut rows, entries.iter().map(|entry| entry.id.as_str()))?;
    perhaps::<Int32Type>(&mut rows, entries.iter().map(|entry| entry.grade.map(i32::from)))?;
    // The type is unsigned; its bits are these.
    perhaps::<Int64Type>(&mut rows, entries.iter().map(|entry| entry.seed.map(u64::cast_signed)))?;
    text(&mut rows, entries.iter().map(|entry| entry.sha256.as_str()))?;
    text(&mut rows, entries.iter().map(|entry| entry.source_sha256.as_str()))?;
    rows.close()?;
    Ok(writer.into_inner()?)
}

type Rows<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// Writes the next column, of texts.
fn text<'a>(rows: &mut Rows, values: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let values: Vec<ByteArray> = values.map(ByteArray::from).collect();
    column::<ByteArrayType>(rows, &values, None)
}

/// Writes the next column, of numbers that may be absent: the values that are there, and of every row whether its is.
fn perhaps<T: DataType>(rows: &mut Rows, values: impl Iterator<Item = Option<T::T>>) -> anyhow::Result<()> {
    let (mut found, mut there) = (Vec::new(), Vec::new());
    for value in values {
        there.push(i16::from(value.is_some()));
        found.extend(value);
    }
    column::<T>(rows, &found, Some(&there))
}

fn column<T: DataType>(rows: &mut Rows, values: &[T::T], there: Option<&[i16]>) -> anyhow::Result<()> {
    let mut column = rows.next_column()?.expect("the schema has as many");
    column.typed::<T>().write_batch(values, there, None)?;
    Ok(column.close()?)
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
