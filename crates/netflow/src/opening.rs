//! The NetFlow bot, opened by settings.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use grafolean_collector::{
    interfaces::ReadingFolder,
    protocol::{self, Opening, Purpose},
    time::SystemClock,
};

use super::{
    bot::{NetflowBot, OpenError, Options},
    receive::{Listen, ReceiveError},
    settings,
};

/// Listens where the settings say. In a folder it keeps templates and open bins, and raw flows where that is asked for.
///
/// # Errors
/// Fails when an address cannot be bound or the folder not be made. To be checked alone it takes another port where one
/// is taken, most likely by the bot that works.
pub(super) fn open(opening: Opening<'_>) -> Result<NetflowBot, protocol::OpenError> {
    let (folder, interfaces) = (opening.folder, opening.health.interfaces().clone());
    let archive =
        folder.map(|folder| settings::flow_archive(opening.settings, folder)).transpose()?.flatten();
    let places = settings::places(opening.settings)?;
    let open = |listen: &Listen| {
        let places = places.clone();
        let (folder, archive) = (folder.map(PathBuf::from), archive.clone());
        let beside = folder.as_deref().and_then(Path::parent);
        let readings = beside.map(|data| ReadingFolder::of_bot(&data.join("snmp")));
        let options = Options { folder, archive, readings, places, ..Options::on(listen.clone()) };
        NetflowBot::open(&Options { interfaces: interfaces.clone(), ..options }, &SystemClock)
    };
    let mut listen = settings::listen(opening.settings)?;
    let mut opened = open(&listen);
    if fails_by(&opened, is_without_ipv6) {
        listen.addresses.iter_mut().for_each(without_ipv6);
        opened = open(&listen);
    }
    if opening.purpose == Purpose::Check && fails_by(&opened, |error| error.kind() == ErrorKind::AddrInUse) {
        opened = open(&Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]));
    }
    let bot = opened?;
    bot.metrics().register(opening.health.registry_of("netflow"));
    bot.watch(opening.health);
    Ok(bot)
}

/// On a machine without IPv6 an address of both families is one of IPv4.
fn without_ipv6(address: &mut SocketAddr) {
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        address.set_ip(Ipv4Addr::UNSPECIFIED.into());
    }
}

fn fails_by(opened: &Result<NetflowBot, OpenError>, is: impl Fn(&io::Error) -> bool) -> bool {
    let Err(OpenError::Receive(ReceiveError::Bind { source, .. })) = opened else { return false };
    is(source)
}

fn is_without_ipv6(error: &io::Error) -> bool {
    use ErrorKind::{AddrNotAvailable, Unsupported};
    // EAFNOSUPPORT has no kind of its own
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(97)
}
