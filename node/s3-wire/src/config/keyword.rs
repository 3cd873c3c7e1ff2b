//! Enums whose values are words on the wire.

/// Declares an enum with the word of each variant.
macro_rules! keywords {
    ($(#[$doc:meta])* $vis:vis enum $Name:ident { $($(#[$variant_doc:meta])* $Variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $Name { $($(#[$variant_doc])* $Variant,)* }

        impl $Name {
            /// Every one.
            $vis const ALL: &'static [Self] = &[$(Self::$Variant,)*];

            /// The word on the wire.
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word,)* }
            }

            /// The one of that word, in exactly this case.
            $vis fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }
    };
}
