//! Counts over everything that was ever sent.

use super::conn::q;
use super::handle::Handle;
use super::sql;
use crate::api::StoreFuture;
use crate::api_figures::FigureFacts;
use crate::error::StoreError;
use crate::packed::figures::of_paces;
use crate::types::LinkPace;

async fn paces(handle: &Handle) -> Result<Vec<LinkPace>, StoreError> {
    let mut conn = handle.reader().await?;
    let rows = q(sql::LINK_PACES).bind(handle.ident).fetch_all(&mut *conn).await?;
    of_paces(handle.words(), &rows)
}

impl FigureFacts for Handle {
    fn link_paces(&self) -> StoreFuture<'_, Vec<LinkPace>> {
        Box::pin(paces(self))
    }
}
