//! Widgets: what a dashboard shows, where, on which of its pages.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{StoreError, dashboard::DashboardId, random, rows};

/// The page of a widget that names none.
const PAGE: &str = "default";

/// A new widget takes the whole width of the grid, and ten of its rows.
const NEW_WIDTH: i64 = 12;
const NEW_HEIGHT: i64 = 10;

/// A widget that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewWidget {
    pub(crate) kind: String,
    pub(crate) title: String,
    /// Opaque: whoever draws it knows what it means.
    pub(crate) content: String,
    pub(crate) page: Option<String>,
}

/// Where a widget stands, in cells of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) w: i64,
    pub(crate) h: i64,
}

/// Where a widget is to stand.
#[derive(Clone, Debug)]
pub(crate) struct NewPlace {
    pub(crate) widget: i64,
    pub(crate) place: Place,
    pub(crate) page: Option<String>,
}

/// A widget as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Widget {
    id: i64,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[serde(flatten)]
    place: Place,
    #[serde(rename = "p")]
    page: String,
    content: String,
}

impl Widget {
    /// What it shows; opaque to all but whoever draws it.
    pub(crate) fn content(&self) -> &str {
        &self.content
    }
}

const SELECT: &str = "SELECT id, type, title, content, page, x, y, w, h FROM widgets WHERE dashboard = ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<Widget> {
    Ok(Widget {
        id: row.get("id")?,
        kind: row.get("type")?,
        title: row.get("title")?,
        place: Place { x: row.get("x")?, y: row.get("y")?, w: row.get("w")?, h: row.get("h")? },
        page: row.get("page")?,
        content: row.get("content")?,
    })
}

/// All of a dashboard, as one reads: by page, from the top.
pub(crate) fn list(connection: &Connection, dashboard: DashboardId) -> Result<Vec<Widget>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY page, y, x, id"))?;
    Ok(statement.query_map(params![dashboard.0], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(connection: &Connection, dashboard: DashboardId, id: i64) -> Result<Widget, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} AND id = ?2"))?;
    rows::found(statement.query_row(params![dashboard.0, id], read), "widget")
}

/// Creates a widget below the rest of its page.
pub(crate) fn insert(
    connection: &Connection,
    dashboard: DashboardId,
    new: &NewWidget,
) -> Result<i64, StoreError> {
    let page = new.page.as_deref().unwrap_or(PAGE);
    random::insert_with_id(connection, "widgets", |id| {
        connection.execute(
            "INSERT INTO widgets (id, dashboard, type, title, content, page, x, y, w, h)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, coalesce(max(y + h), 0), ?7, ?8
             FROM widgets WHERE dashboard = ?2 AND page = ?6",
            params![id, dashboard.0, new.kind, new.title, new.content, page, NEW_WIDTH, NEW_HEIGHT],
        )
    })
}

/// Changes all but where it stands; the page only if one is named.
pub(crate) fn update(
    connection: &Connection,
    dashboard: DashboardId,
    id: i64,
    new: &NewWidget,
) -> Result<(), StoreError> {
    let changed = connection.execute(
        "UPDATE widgets SET type = ?3, title = ?4, content = ?5, page = coalesce(?6, page)
         WHERE dashboard = ?1 AND id = ?2",
        params![dashboard.0, id, new.kind, new.title, new.content, new.page],
    )?;
    rows::changed(changed, "widget")
}

/// Moves widgets, all or none of them.
pub(crate) fn place(
    connection: &Connection,
    dashboard: DashboardId,
    places: &[NewPlace],
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE widgets SET x = ?3, y = ?4, w = ?5, h = ?6, page = coalesce(?7, page)
         WHERE dashboard = ?1 AND id = ?2",
    )?;
    for NewPlace { widget, place, page } in places {
        let moved =
            statement.execute(params![dashboard.0, widget, place.x, place.y, place.w, place.h, page])?;
        if moved == 0 {
            return Err(StoreError::Invalid(format!("No such widget on this dashboard: {widget}")));
        }
    }
    Ok(())
}

pub(crate) fn delete(connection: &Connection, dashboard: DashboardId, id: i64) -> Result<(), StoreError> {
    let deleted = connection
        .execute("DELETE FROM widgets WHERE dashboard = ?1 AND id = ?2", params![dashboard.0, id])?;
    rows::changed(deleted, "widget")
}
