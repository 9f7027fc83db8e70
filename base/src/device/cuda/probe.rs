//! Is CUDA there? The one place that looks for NVIDIA's libraries and devices; everybody else asks `probe()`.

use parking_lot::Mutex;
use std::ffi::CString;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A device as the driver describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpu {
    /// `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Compute capability, (9, 0).
    pub capability: (i32, i32),
    /// Bytes of memory.
    pub memory: usize,
}

/// What was found. A missing part is a text that says what was tried.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The devices; empty where there is none, and then `why_not` says why.
    pub gpus: Vec<Gpu>,
    /// The CUDA version of the driver, 13000.
    pub driver: Option<i32>,
    /// The version of the compiler, (13, 0).
    pub nvrtc: Result<(i32, i32), String>,
    /// cuBLAS and cuBLASLt.
    pub cublas: Result<(), String>,
    /// Why no device can be used.
    pub why_not: Option<String>,
}

impl Probe {
    /// Can tensors live on a GPU here?
    pub fn available(&self) -> bool {
        !self.gpus.is_empty()
    }
}

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Folders to look in before the system's: the `lib` folders of the installed `nvidia` wheels. To be called before the
/// first `probe()`.
pub fn add_folders(folders: impl IntoIterator<Item = PathBuf>) {
    FOLDERS.lock().extend(folders);
}

/// What is there. Looked up once; never panics.
pub fn probe() -> &'static Probe {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let folders = folders();
        let driver = find("cuda", &folders, || {
            // SAFETY: it opens and closes a library.
            unsafe { cudarc::driver::sys::is_culib_present() }
        });
        let (gpus, version, why_not) = match driver {
            Ok(()) => match devices() {
                Ok((v, gpus)) if gpus.is_empty() => (gpus, Some(v), Some("the driver finds no device".into())),
                Ok((v, gpus)) => (gpus, Some(v), None),
                Err(e) => (Vec::new(), None, Some(e)),
            },
            Err(e) => (Vec::new(), None, Some(format!("no NVIDIA driver: {e}"))),
        };
        Probe { gpus, driver: version, nvrtc: nvrtc(&folders), cublas: cublas(&folders), why_not }
    })
}

/// The folders given, then those of a toolkit.
fn folders() -> Vec<PathBuf> {
    let mut all = FOLDERS.lock().clone();
    for v in ["CUDA_HOME", "CUDA_PATH"] {
        if let Some(home) = std::env::var_os(v) {
            all.push(Path::new(&home).join("lib64"));
            all.push(Path::new(&home).join("lib"));
        }
    }
    all
}

/// Loads `path` so that later lookups by its name find it. A bare name with `loaded_only` asks for one that is there.
fn open(path: &Path, loaded_only: bool) -> bool {
    let Ok(c) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | if loaded_only { libc::RTLD_NOLOAD } else { 0 };
    // SAFETY: NVIDIA's libraries have no initialisers that depend on us; the handle is never closed.
    unsafe { !libc::dlopen(c.as_ptr(), flags).is_null() }
}

/// Files `lib{stem}.so*` of a folder, the newest version last.
fn files(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let start = format!("lib{stem}.so");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(&start))
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

/// Sees to it that a library is loaded, or can be by name: among the loaded ones, in the folders, then by the loader.
fn find(stem: &str, folders: &[PathBuf], by_loader: impl Fn() -> bool) -> Result<(), String> {
    let names: Vec<String> = ["13", "12", "1"].iter().map(|v| format!("lib{stem}.so.{v}")).collect();
    if names.iter().any(|n| open(Path::new(n), true)) {
        return Ok(());
    }
    for folder in folders {
        // NVRTC opens its builtins by name, and the wheels of 13.0 do not tell it where they are.
        if stem == "nvrtc" {
            files(folder, "nvrtc-builtins").iter().for_each(|f| {
                open(f, false);
            });
        }
        if files(folder, stem).iter().rev().any(|f| open(f, false)) {
            return Ok(());
        }
    }
    if by_loader() {
        return Ok(());
    }
    let mut text = format!("lib{stem}.so was not found");
    for (k, f) in folders.iter().enumerate() {
        let _ = write!(text, "{} {}", if k == 0 { "; looked in" } else { "," }, f.display());
    }
    text +=
        if folders.is_empty() { " by the loader (LD_LIBRARY_PATH)" } else { ", and by the loader (LD_LIBRARY_PATH)" };
    Err(text)
}

/// The driver's version and its devices. Only where libcuda is there.
fn devices() -> Result<(i32, Vec<Gpu>), String> {
    use cudarc::driver::{result, sys};
    let say = |what: &str, e: result::DriverError| format!("{what}: {:?}", e.0);
    match result::init() {
        Err(result::DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => {
            return Err(
                "the NVIDIA driver is there, but no device (CUDA_ERROR_NO_DEVICE; CUDA_VISIBLE_DEVICES?)".into()
            );
        }
        r => r.map_err(|e| say("cuInit", e))?,
    }
    let mut version = 0;
    // SAFETY: the driver is initialised; the address is ours.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result().map_err(|e| say("cuDriverGetVersion", e))?;
    let count = result::device::get_count().map_err(|e| say("cuDeviceGetCount", e))?;
    let mut gpus = Vec::new();
    for k in 0..count {
        let device = result::device::get(k).map_err(|e| say("cuDeviceGet", e))?;
        let attribute = |a| {
            // SAFETY: `device` comes from the driver.
            unsafe { result::device::get_attribute(device, a) }.map_err(|e| say("cuDeviceGetAttribute", e))
        };
        use sys::CUdevice_attribute_enum::{
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
        };
        gpus.push(Gpu {
            name: result::device::get_name(device).map_err(|e| say("cuDeviceGetName", e))?,
            capability: (attribute(MAJOR)?, attribute(MINOR)?),
            // SAFETY: as above.
            memory: unsafe { result::device::total_mem(device) }.map_err(|e| say("cuDeviceTotalMem", e))?,
        });
    }
    Ok((version, gpus))
}

fn nvrtc(folders: &[PathBuf]) -> Result<(i32, i32), String> {
    find("nvrtc", folders, || {
        // SAFETY: it opens and closes a library.
        unsafe { cudarc::nvrtc::sys::is_culib_present() }
    })
    .map_err(|e| format!("{e} (pip install nvidia-cuda-nvrtc)"))?;
    // cudarc looks by name only: what we loaded must be findable so, or it would panic.
    // SAFETY: as above.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        return Err("libnvrtc.so was loaded, but has a name that is not known here (13 and 12 are)".into());
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is there; the addresses are ours.
    unsafe { cudarc::nvrtc::sys::nvrtcVersion(&mut major, &mut minor) }
        .result()
        .map_err(|e| format!("nvrtcVersion: {:?}", e.0))?;
    Ok((major, minor))
}

fn cublas(folders: &[PathBuf]) -> Result<(), String> {
    let install = |e| format!("{e} (pip install nvidia-cublas)");
    // cuBLAS needs cuBLASLt, which is found by name once it is loaded. The loader would find it beside cuBLAS.
    let _ = find("cublasLt", folders, || false);
    find("cublas", folders, || {
        // SAFETY: it opens and closes a library.
        unsafe { cudarc::cublas::sys::is_culib_present() }
    })
    .map_err(install)?;
    // SAFETY: as above.
    if unsafe { cudarc::cublas::sys::is_culib_present() } {
        Ok(())
    } else {
        Err("libcublas.so was loaded, but has a name that is not known here (13 and 12 are)".into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The wheels in the checkout's venv, or RTORCH_NVIDIA_LIBS.
    pub fn wheels() {
        static ONCE: OnceLock<()> = OnceLock::new();
        ONCE.get_or_init(|| {
            let mut found: Vec<PathBuf> = std::env::var_os("RTORCH_NVIDIA_LIBS").iter().map(PathBuf::from).collect();
            let list =
                |p: &Path| std::fs::read_dir(p).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
            for python in list(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/lib")) {
                found.extend(list(&python.join("site-packages/nvidia")).into_iter().map(|p| p.join("lib")));
            }
            add_folders(found);
        });
    }

    #[test]
    fn answers_without_a_panic_and_says_what_is_missing() {
        wheels();
        let p = probe();
        assert_eq!(p.available(), p.why_not.is_none());
        if let Some(why) = &p.why_not {
            assert!(why.contains("driver"), "{why}");
        }
        for e in [p.nvrtc.as_ref().err(), p.cublas.as_ref().err()].into_iter().flatten() {
            assert!(e.contains(".so"), "{e}");
        }
    }

    #[test]
    fn a_library_that_is_nowhere_names_what_was_tried() {
        let e = find("no-such-library", &["/nonexistent/a".into(), "/nonexistent/b".into()], || false);
        let e = e.expect_err("there is none");
        assert!(e.contains("libno-such-library.so") && e.contains("/nonexistent/a, /nonexistent/b"), "{e}");
        assert!(find("no-such-library", &[], || true).is_ok());
    }
}
