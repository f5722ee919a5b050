//! How a recipe that `extends` another replaces what it names.

use std::collections::BTreeMap;

/// Lays `over` upon `self`: what `over` names wins, the rest stays.
pub(super) trait Merge {
    fn merge(self, over: Self) -> Self;
}

impl<T> Merge for Option<T> {
    fn merge(self, over: Self) -> Self {
        over.or(self)
    }
}

impl<V> Merge for BTreeMap<String, V> {
    /// Key by key.
    fn merge(mut self, over: Self) -> Self {
        self.extend(over);
        self
    }
}

/// Implements [`Merge`] field by field.
macro_rules! merge_fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl Merge for $name {
            fn merge(self, over: Self) -> Self {
                Self { $($field: self.$field.merge(over.$field)),+ }
            }
        }
    };
}
pub(super) use merge_fields;
