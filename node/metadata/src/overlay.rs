use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

use crate::execute::WriteSet;
use crate::view::{View, ViewError};

/// Rows with the writes of the batch so far laid over them.
pub(crate) struct Overlay<'a> {
    base: &'a dyn View,
    writes: RefCell<WriteSet>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn View) -> Self {
        Self { base, writes: RefCell::new(BTreeMap::new()) }
    }

    pub(crate) fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.writes.borrow_mut().insert(key.into(), Some(value.into()));
    }

    pub(crate) fn delete(&self, key: impl Into<Bytes>) {
        self.writes.borrow_mut().insert(key.into(), None);
    }

    pub(crate) fn into_writes(self) -> WriteSet {
        self.writes.into_inner()
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        match self.writes.borrow().get(key) {
            Some(written) => Ok(written.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        if from >= to {
            return Ok(());
        }
        // The visitor may write, so it must not run under the borrow.
        let range = (Bound::Included(from), Bound::Excluded(to));
        let written: Vec<(Bytes, Option<Bytes>)> =
            self.writes.borrow().range::<[u8], _>(range).map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut written = written.into_iter().peekable();
        let mut stopped = false;
        self.base.scan(from, to, &mut |key, value| {
            while let Some((k, v)) = written.next_if(|(k, _)| &k[..] < key) {
                if let Some(v) = v
                    && visit(&k, &v).is_break()
                {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            let flow = match written.next_if(|(k, _)| &k[..] == key) {
                Some((k, Some(v))) => visit(&k, &v),
                Some((_, None)) => ControlFlow::Continue(()),
                None => visit(key, value),
            };
            stopped = flow.is_break();
            flow
        })?;
        if !stopped {
            for (k, v) in written {
                if let Some(v) = v
                    && visit(&k, &v).is_break()
                {
                    break;
                }
            }
        }
        Ok(())
    }
}
