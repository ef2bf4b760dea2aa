//! RESP2 and RESP3: requests in, replies out.

/// The bytes of replies.
pub struct Reply;

/// The arguments of one request: slices of the input.
pub struct Args<'a>(std::marker::PhantomData<&'a [u8]>);
