//! The decoder: the body of a form in, its fields and its file out (RFC 7578, RFC 2046).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::{ErrorCode, S3Error};
use crate::form::fields::{self, Form};
use crate::form::search::{Found, Search};
use crate::form::{Boundary, MAX_FIELDS, MAX_FORM_LEN, MAX_POLICY_LEN, malformed, parameters, too_long};

/// The most spaces behind a boundary on its line.
const MAX_PADDING: usize = 64;

/// Decodes the body of one form.
///
/// The file comes out as slices of what goes in, as soon as it arrives: of the file nothing is ever
/// kept. So its bytes come out *before* its end was seen. Whoever uses them must publish nothing
/// until [`Event::End`]; any error means that all that came out is worthless.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    search: Search,
    line: Vec<u8>,
    fields: BTreeMap<String, String>,
    /// How many bytes may still come before the file.
    form_room: usize,
    policy_room: usize,
}

/// What a body is made of, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// All fields before the file, once.
    Form(Form),
    /// The next bytes of the file, never none.
    File(Bytes),
    /// The end of the file, once. What follows it is ignored, as S3 does.
    End,
}

#[derive(Debug)]
enum State {
    /// In front of the first delimiter.
    Preamble,
    /// Behind a delimiter, on its line.
    Delimiter,
    /// In the head of a part, where this was found.
    Head(Option<Disposition>),
    /// In the value of a field.
    Value {
        name: String,
        value: Vec<u8>,
    },
    /// In the file.
    File,
    /// Behind the delimiter that ended the file, on its line.
    FileEnd,
    Done,
}

/// What the head of a part says of it.
#[derive(Debug)]
struct Disposition {
    name: String,
    file_name: Option<String>,
}

/// How a delimiter goes on.
enum Next {
    Part,
    Nothing,
}

impl Decoder {
    /// Decodes a body whose parts this boundary divides.
    pub fn new(boundary: &Boundary) -> Self {
        Self {
            state: State::Preamble,
            search: Search::new(boundary),
            line: Vec::new(),
            fields: BTreeMap::new(),
            form_room: MAX_FORM_LEN,
            policy_room: MAX_POLICY_LEN,
        }
    }

    /// Takes bytes from the front of `input` and gives what is next in the body.
    ///
    /// `None` means that `input` is used up: call again with more, or [`Decoder::finish`] when
    /// there is no more.
    ///
    /// Fails with `MalformedPOSTRequest`, with `MaxPostPreDataLengthExceeded`, or with
    /// `InvalidArgument` for a form without a file.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Event>, S3Error> {
        while !input.is_empty() {
            match self.state {
                State::Preamble => self.skip_preamble(input)?,
                State::Delimiter => match self.take_delimiter_end(input)? {
                    Some(Next::Part) => self.state = State::Head(None),
                    Some(Next::Nothing) => return Err(no_file()),
                    None => {}
                },
                State::Head(_) => {
                    let Some(line) = self.take_line(input)? else { continue };
                    if let Some(form) = self.take_head_line(&line)? {
                        return Ok(Some(Event::Form(form)));
                    }
                }
                State::Value { .. } => self.take_value(input)?,
                State::File => match self.search.next(input) {
                    Some(Found::Data(data)) => return Ok(Some(Event::File(data))),
                    Some(Found::Delimiter) => self.state = State::FileEnd,
                    None => {}
                },
                State::FileEnd => {
                    if self.take_delimiter_end(input)?.is_some() {
                        self.state = State::Done;
                        return Ok(Some(Event::End));
                    }
                }
                State::Done => input.clear(),
            }
        }
        Ok(None)
    }

    /// Whether the end of the file was seen; what follows is ignored.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Ends the body: `MalformedPOSTRequest` if it ended before the file did.
    pub fn finish(self) -> Result<(), S3Error> {
        if self.is_done() { Ok(()) } else { Err(malformed()) }
    }

    fn skip_preamble(&mut self, input: &mut Bytes) -> Result<(), S3Error> {
        let before = input.len();
        let found = self.search.next(input);
        spend(&mut self.form_room, before - input.len())?;
        if found == Some(Found::Delimiter) {
            self.state = State::Delimiter;
        }
        Ok(())
    }

    /// Takes input up to the end of the delimiter's line, or the `--` of the last one.
    fn take_delimiter_end(&mut self, input: &mut Bytes) -> Result<Option<Next>, S3Error> {
        while !input.is_empty() {
            self.line.extend_from_slice(&input.split_to(1));
            let next = match self.line.as_slice() {
                b"--" => Next::Nothing,
                [padding @ .., b'\r', b'\n'] if padding.iter().all(|byte| matches!(byte, b' ' | b'\t')) => {
                    Next::Part
                }
                [.., b'\n'] => return Err(malformed()),
                line if line.len() > MAX_PADDING => return Err(malformed()),
                _ => continue,
            };
            self.line.clear();
            return Ok(Some(next));
        }
        Ok(None)
    }

    /// Takes input up to the end of the line; gives the line, without its end, when it is whole.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<String>, S3Error> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = input.split_to(end.map_or(input.len(), |end| end + 1));
        spend(&mut self.form_room, taken.len())?;
        self.line.extend_from_slice(&taken);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(malformed());
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).map(Some).map_err(|_| malformed())
    }

    /// Takes a line of the head of a part; gives the form when the part is the file.
    fn take_head_line(&mut self, line: &str) -> Result<Option<Form>, S3Error> {
        let State::Head(known) = &mut self.state else { return Err(malformed()) };
        if !line.is_empty() {
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            if name.eq_ignore_ascii_case("content-disposition")
                && known.replace(Disposition::parse(value)?).is_some()
            {
                return Err(malformed());
            }
            return Ok(None);
        }
        let Disposition { name, file_name } = known.take().ok_or_else(malformed)?;
        if name == "file" {
            self.state = State::File;
            let fields = std::mem::take(&mut self.fields);
            return Form::new(fields, file_name.as_deref()).map(Some);
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(too_long());
        }
        self.state = State::Value { name, value: Vec::new() };
        Ok(None)
    }

    fn take_value(&mut self, input: &mut Bytes) -> Result<(), S3Error> {
        let State::Value { name, value } = &mut self.state else { return Err(malformed()) };
        let room = if name == "policy" { &mut self.policy_room } else { &mut self.form_room };
        let before = input.len();
        let found = self.search.next(input);
        spend(room, before - input.len())?;
        match found {
            Some(Found::Data(data)) => value.extend_from_slice(&data),
            Some(Found::Delimiter) => {
                fields::insert(&mut self.fields, std::mem::take(name), std::mem::take(value))?;
                self.state = State::Delimiter;
            }
            None => {}
        }
        Ok(())
    }
}

impl Disposition {
    /// Reads `form-data; name="key"; filename="a.txt"`.
    fn parse(value: &str) -> Result<Self, S3Error> {
        let (word, found) = parameters::parse(value).ok_or_else(malformed)?;
        if !word.eq_ignore_ascii_case("form-data") {
            return Err(malformed());
        }
        let (mut name, mut file_name) = (None, None);
        for (parameter, value) in found {
            match parameter.as_str() {
                "name" => name = Some(value.to_ascii_lowercase()),
                "filename" => file_name = Some(value),
                _ => {}
            }
        }
        let name = name.filter(|name| !name.is_empty()).ok_or_else(malformed)?;
        Ok(Self { name, file_name })
    }
}

fn spend(room: &mut usize, len: usize) -> Result<(), S3Error> {
    *room = room.checked_sub(len).ok_or_else(too_long)?;
    Ok(())
}

fn no_file() -> S3Error {
    S3Error::with_message(ErrorCode::InvalidArgument, "POST requires exactly one file upload per request.")
        .field("ArgumentName", "file")
        .field("ArgumentValue", "0")
}
