//! The crate of a new stage.

use super::name;
use stage_sdk::StartError;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};

/// What is written, of a stage that is built and tested like all else.
const CRATE: &str = include_str!("../../plug-ins/oregano/Cargo.toml");
const MAIN: &str = include_str!("../../plug-ins/oregano/src/main.rs");
const NAME: &str = "oregano";

/// Where crates are put, beside the route map.
const CRATES: &str = "plug-ins";

/// Where the crate is, or will be.
pub(super) struct Home {
    name: String,
    pub(super) path: PathBuf,
    /// The program that it is built to.
    pub(super) program: PathBuf,
    /// How cargo is told which crate.
    pub(super) package: String,
    /// It is built with a workspace around it.
    is_member: bool,
    /// Somebody made it before.
    is_there: bool,
}

impl Home {
    /// Finds the place; changes nothing.
    ///
    /// # Errors
    /// No crate can be called so.
    pub(super) fn find(root: &Path, name: &str) -> Result<Home, StartError> {
        let path = root.join(CRATES).join(name);
        let is_there = path.join("src/main.rs").exists();
        if path.exists() && !is_there {
            let text = format!(
                "{} is there, and is no crate of a stage; move it away, or give another name",
                path.display()
            );
            return Err(StartError::Usage(text));
        }
        if !is_there {
            name::check(name, root)?;
        }
        let is_member = has_members(root);
        let built = if is_member { root } else { &path };
        let package = match is_member {
            true => format!("--package {name}"),
            false => format!("--manifest-path {}/Cargo.toml", path.display()),
        };
        let program = built.join("target/release").join(name);
        Ok(Home { name: name.to_owned(), program, package, path, is_member, is_there })
    }

    /// Writes it, unless it is there: whole, or not at all. `sdk`: where the library lies.
    ///
    /// # Errors
    /// The library is not there, or something cannot be written.
    pub(super) fn make(&self, sdk: &Path) -> Result<(), StartError> {
        if self.is_there {
            return Ok(());
        }
        if !sdk.join("Cargo.toml").exists() {
            let text = format!(
                "there is no stage-sdk at {}; say where it lies with --sdk DIR",
                sdk.display()
            );
            return Err(StartError::Usage(text));
        }
        let crates = self.path.parent().unwrap_or(Path::new(""));
        let root = crates.parent().unwrap_or(Path::new(""));
        // Not among the crates, where half of one would keep cargo from all of them.
        let half = root.join(format!(".{}-{}", self.name, std::process::id()));
        let write = || {
            std::fs::create_dir_all(half.join("src"))?;
            std::fs::write(half.join("src/main.rs"), MAIN.replace(NAME, &self.name))?;
            std::fs::write(half.join("Cargo.toml"), self.manifest(root, sdk)?)?;
            std::fs::create_dir_all(crates)?;
            std::fs::rename(&half, &self.path)
        };
        write().map_err(|error| {
            std::fs::remove_dir_all(&half).ok();
            StartError::Runtime(format!("{} cannot be written: {error}", self.path.display()))
        })
    }

    fn manifest(&self, root: &Path, sdk: &Path) -> std::io::Result<String> {
        // Where both are in one tree, the crate finds it wherever the tree is.
        let sdk = match sdk.strip_prefix(root) {
            Ok(beside) if beside.is_relative() => Path::new("../..").join(beside),
            _ => std::path::absolute(sdk)?,
        };
        let mut manifest: DocumentMut = CRATE.parse().map_err(std::io::Error::other)?;
        manifest["package"]["name"] = value(&self.name);
        manifest["dependencies"]["stage-sdk"]["path"] = value(sdk.display().to_string());
        if !self.is_member {
            // Cargo would take it for a part of whatever workspace is above.
            manifest["workspace"] = Item::Table(Table::new());
        }
        Ok(manifest.to_string())
    }
}

/// Whether what is put among the crates is a member of a workspace here.
fn has_members(root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let manifest: DocumentMut = text.parse().unwrap_or_default();
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members"));
    let members = members.and_then(Item::as_array);
    let all = format!("{CRATES}/*");
    members.is_some_and(|members| members.iter().any(|member| member.as_str() == Some(&all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str, is_member: bool) -> Home {
        let path = Path::new(CRATES).join(name);
        let (program, package) = (PathBuf::new(), String::new());
        Home { name: name.to_owned(), path, program, package, is_member, is_there: false }
    }

    #[test]
    fn the_library_is_found_beside_or_where_it_is() {
        let text = |name, is_member, root: &str, sdk: &str| {
            home(name, is_member).manifest(Path::new(root), Path::new(sdk)).unwrap()
        };
        assert_eq!(text(NAME, true, "", "stage-sdk"), CRATE);
        assert_eq!(text(NAME, true, "/shop", "/shop/stage-sdk"), CRATE);
        let odd = text("basil", false, "/shop", "/oregano's \"own\"/stage-sdk");
        let read: DocumentMut = odd.parse().unwrap();
        assert_eq!(read["package"]["name"].as_str(), Some("basil"));
        let path = read["dependencies"]["stage-sdk"]["path"].as_str();
        assert_eq!(path, Some("/oregano's \"own\"/stage-sdk"));
        assert!(read["workspace"].is_table());
    }

    #[test]
    fn only_a_workspace_that_names_them_builds_them() {
        assert!(has_members(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!has_members(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stages")));
        assert!(!has_members(Path::new("/no/such/place")));
    }
}
