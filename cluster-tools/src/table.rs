/// Rows of text under headings, for people.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// Columns as wide as their widest cell; numbers to the right.
impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |text: &str| text.chars().count();
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let columns: Vec<(usize, bool)> = (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| cell(row, column));
                let widest =
                    cells.map(|text| width(&text)).max().unwrap_or(0).max(width(self.headings[column]));
                let is_number =
                    |row| cell(row, column).chars().next().is_none_or(|c| c.is_ascii_digit() || c == '-');
                (widest, !self.rows.is_empty() && self.rows.iter().all(is_number))
            })
            .collect();
        let mut line = |cells: Vec<String>| {
            let padded: Vec<String> = columns
                .iter()
                .zip(cells)
                .map(|((widest, right), text)| match right {
                    true => format!("{text:>widest$}"),
                    false => format!("{text:<widest$}"),
                })
                .collect();
            writeln!(f, "{}", padded.join("  ").trim_end())
        };
        line(self.headings.iter().map(|heading| (*heading).to_owned()).collect())?;
        for row in &self.rows {
            line((0..self.headings.len()).map(|column| cell(row, column)).collect())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["NAME", "SIZE", "PATH"]);
        table.row(["é".to_owned(), "5".to_owned(), "/a".to_owned()]);
        table.row(["longer".to_owned(), "12 MiB".to_owned(), String::new()]);
        let expected = "NAME      SIZE  PATH\né            5  /a\nlonger  12 MiB\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn an_empty_table_is_its_headings() {
        assert_eq!(Table::new(&["A", "B"]).to_string(), "A  B\n");
    }
}
