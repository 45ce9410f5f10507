//! The data set: named columns of equal row count. Integers stay integers.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error, Result};

macro_rules! dtypes {
    ($($variant:ident($type:ty) = $name:literal,)*) => {
        /// The values of a column, row after row.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Values { $(#[allow(missing_docs)] $variant(Vec<$type>),)* }

        impl Values {
            /// Number of values.
            pub fn len(&self) -> usize {
                match self { $(Values::$variant(v) => v.len(),)* }
            }

            /// The dtype in NumPy's words, for example `uint16`.
            pub fn dtype(&self) -> &'static str {
                match self { $(Values::$variant(_) => $name,)* }
            }

            /// Bytes in one value.
            pub fn item_size(&self) -> usize {
                match self { $(Values::$variant(_) => size_of::<$type>(),)* }
            }

            /// Value `i` as a float.
            pub fn get_f64(&self, i: usize) -> f64 {
                match self { $(Values::$variant(v) => v[i] as f64,)* }
            }

            /// All values as floats.
            #[allow(clippy::unnecessary_cast)]
            pub fn to_f64(&self) -> Vec<f64> {
                match self { $(Values::$variant(v) => v.iter().map(|x| *x as f64).collect(),)* }
            }

            /// The smallest and the largest finite value; infinity and its opposite if there is none.
            #[allow(clippy::unnecessary_cast)]
            pub fn extent(&self) -> (f64, f64) {
                let none = (f64::INFINITY, f64::NEG_INFINITY);
                match self {
                    $(Values::$variant(v) => v.iter().fold(none, |(low, high), x| {
                        let x = *x as f64;
                        if x.is_finite() { (low.min(x), high.max(x)) } else { (low, high) }
                    }),)*
                }
            }

            /// Little-endian bytes of all values.
            pub fn to_le_bytes(&self) -> Vec<u8> {
                match self {
                    $(Values::$variant(v) => {
                        const SIZE: usize = size_of::<$type>();
                        let mut bytes = vec![0; v.len() * SIZE];
                        bytes.chunks_exact_mut(SIZE).zip(v).for_each(|(b, x)| b.copy_from_slice(&x.to_le_bytes()));
                        bytes
                    })*
                }
            }

            /// The values of rows `range`, each row `width` values long.
            #[must_use]
            pub fn rows(&self, range: std::ops::Range<usize>, width: usize) -> Values {
                match self { $(Values::$variant(v) => Values::$variant(v[range.start * width..range.end * width].to_vec()),)* }
            }

            /// The values at the positions `at`.
            #[must_use]
            pub fn pick(&self, at: &[usize]) -> Values {
                match self { $(Values::$variant(v) => Values::$variant(at.iter().map(|i| v[*i]).collect()),)* }
            }

            /// Adds the values of `more` at the end.
            ///
            /// # Errors
            /// [`Code::DataType`] if `more` has another dtype.
            pub fn append(&mut self, more: &Values) -> Result<()> {
                match (self, more) {
                    $((Values::$variant(all), Values::$variant(part)) => all.extend_from_slice(part),)*
                    (all, part) => {
                        return Err(Error::new(
                            Code::DataType,
                            format!("values of type {} do not follow values of type {}", part.dtype(), all.dtype()),
                        ));
                    }
                }
                Ok(())
            }

            /// Values of `dtype` from little-endian bytes.
            ///
            /// # Errors
            /// [`Code::DataType`] for an unknown dtype, [`Code::DataShape`] for a part of a value at the end.
            pub fn from_le_bytes(dtype: &str, bytes: &[u8]) -> Result<Values> {
                match dtype {
                    $($name => {
                        const SIZE: usize = size_of::<$type>();
                        if !bytes.len().is_multiple_of(SIZE) {
                            return Err(Error::new(Code::DataShape, format!("{} bytes are not whole {dtype} values", bytes.len())));
                        }
                        Ok(Values::$variant(bytes.chunks_exact(SIZE)
                            .map(|c| <$type>::from_le_bytes(c.try_into().expect("a whole chunk"))).collect()))
                    })*
                    _ => Err(Error::new(Code::DataType, format!("values of type `{dtype}` are not supported"))
                        .hint(concat!("supported:", $(" ", $name,)*))),
                }
            }

            /// Values of `dtype` from floats: integers are rounded to nearest and saturated.
            ///
            /// # Errors
            /// [`Code::DataType`] for an unknown dtype.
            #[allow(clippy::unnecessary_cast)]
            pub fn from_f64(dtype: &str, values: impl Iterator<Item = f64>) -> Result<Values> {
                match dtype {
                    $($name => Ok(Values::$variant(values.map(|x| {
                        // `as` saturates; only floats keep fractions.
                        if $name.starts_with("float") { x as $type } else { x.round_ties_even() as $type }
                    }).collect())),)*
                    _ => Err(Error::new(Code::DataType, format!("values of type `{dtype}` are not supported"))),
                }
            }
        }
    };
}

dtypes! {
    U8(u8) = "uint8",
    I8(i8) = "int8",
    U16(u16) = "uint16",
    I16(i16) = "int16",
    U32(u32) = "uint32",
    I32(i32) = "int32",
    U64(u64) = "uint64",
    I64(i64) = "int64",
    F32(f32) = "float32",
    F64(f64) = "float64",
}

impl Values {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the values are integers.
    pub fn is_integer(&self) -> bool {
        !self.dtype().starts_with("float")
    }
}

/// One column: a scalar or an array per row.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Unique in the data set.
    pub name: String,
    /// Physical unit; empty if unknown, `1` if dimensionless.
    pub unit: String,
    /// Shape of one row's value; empty for a scalar.
    pub shape: Vec<usize>,
    /// `rows * product(shape)` values, row-major.
    pub values: Values,
}

impl Column {
    /// Values in one row.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How the columns lay in their file, so that the same can be written again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Named columns (CSV, ROOT, Parquet, archives of arrays).
    #[default]
    Table,
    /// One array whose second axis is the columns, with a `names` array beside it (an NPZ of this form).
    NamedMatrix,
    /// One array (NPY, raw): a single column.
    Array,
    /// A ROOT tree.
    Tree {
        /// Name of the tree.
        name: String,
        /// Entries of the tree where its branches are jagged: a row is then one element, and the first column,
        /// `entry_index`, says which entry it belongs to. Absent where a row is an entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entries: Option<u64>,
    },
}

/// Where the data came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// File name as given, or the toy detector with its seed.
    pub name: String,
    /// What was taken of it and done to it: arrays, rows, the policy for NaN.
    pub selection: String,
    /// Columns that are kept in the file but that no model reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_through: Vec<String>,
}

impl DataSource {
    /// The file `path`, of which `selection` was taken.
    pub fn file(path: &std::path::Path, selection: &str) -> Self {
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        DataSource { name, selection: selection.to_owned(), pass_through: Vec::new() }
    }

    /// Adds what else was taken or done.
    pub fn note(&mut self, what: &str) {
        if !self.selection.is_empty() {
            self.selection += "; ";
        }
        self.selection += what;
    }
}

/// Columns of equal row count.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// At least one.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    /// How they lay in the file.
    pub layout: Layout,
    /// Where they came from.
    pub source: DataSource,
}

impl Dataset {
    /// A data set, checked.
    ///
    /// # Errors
    /// [`Code::DataShape`] if the columns do not have one row count, [`Code::DataSelection`] if names repeat or there
    /// is no column.
    pub fn new(columns: Vec<Column>, rows: usize, layout: Layout, source: DataSource) -> Result<Self> {
        if columns.is_empty() {
            return Err(Error::new(Code::DataSelection, "there is no column of numbers").at(source.name));
        }
        for (i, c) in columns.iter().enumerate() {
            if c.values.len() != rows * c.width() {
                return Err(Error::new(
                    Code::DataShape,
                    format!(
                        "column `{}` has {} values where {rows} rows of {} need {}",
                        c.name,
                        c.values.len(),
                        c.width(),
                        rows * c.width()
                    ),
                )
                .at(source.name));
            }
            if columns[..i].iter().any(|d| d.name == c.name) {
                return Err(
                    Error::new(Code::DataSelection, format!("two columns are named `{}`", c.name)).at(source.name)
                );
            }
        }
        Ok(Dataset { columns, rows, layout, source })
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`Code::DataSelection`], listing the names there are.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|c| c.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).take(40).collect();
            Error::new(Code::DataSelection, format!("there is no column `{name}`"))
                .at(self.source.name.clone())
                .hint(format!("the columns are: {}", names.join(", ")))
        })
    }

    /// What these data call the columns `names` of a model. A single array is called as its file is: where one column is
    /// wanted and there is one, it is that one.
    pub fn called(&self, names: Vec<String>) -> Vec<String> {
        let mut own = self.model_columns();
        match (names.as_slice(), own.next(), own.next()) {
            ([wanted], Some(only), None) if self.column(wanted).is_err() => vec![only.name.clone()],
            _ => names,
        }
    }

    /// The columns that a model may read: all but those passed through.
    pub fn model_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| !self.source.pass_through.contains(&c.name))
    }

    /// Bytes of all values in their own dtypes.
    pub fn raw_bytes(&self) -> u64 {
        self.columns.iter().map(|c| (c.values.len() * c.values.item_size()) as u64).sum()
    }

    /// The rows `range`.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Dataset {
        let columns = self
            .columns
            .iter()
            .map(|c| Column { values: c.values.rows(range.clone(), c.width()), ..c.clone() })
            .collect();
        Dataset { columns, rows: range.len(), ..self.clone() }
    }

    /// Adds the rows of `more`, which has the same columns.
    ///
    /// # Errors
    /// [`Code::DataType`] if a column has another dtype.
    pub fn append(&mut self, more: &Dataset) -> Result<()> {
        for (all, part) in self.columns.iter_mut().zip(&more.columns) {
            all.values.append(&part.values)?;
        }
        self.rows += more.rows;
        Ok(())
    }

    /// SHA-256 over names, dtypes, shapes and values, hexadecimal.
    pub fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for c in &self.columns {
            hash.update(format!("{}\0{}\0{:?}\0", c.name, c.values.dtype(), c.shape));
            hash.update(c.values.to_le_bytes());
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The first value that is NaN or infinite in a column that a model may read, as (row, column name).
    pub fn first_not_finite(&self) -> Option<(usize, &str)> {
        self.model_columns().filter(|c| !c.values.is_integer()).find_map(|c| {
            let i = (0..c.values.len()).find(|i| !c.values.get_f64(*i).is_finite())?;
            Some((i / c.width(), c.name.as_str()))
        })
    }
}
