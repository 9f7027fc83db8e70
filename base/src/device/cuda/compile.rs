//! Kernel text -> CUBIN by NVRTC, kept on disk: `KEY.cubin`, and beside it `KEY.cu` with what it was made of.

use super::probe::probe;
use crate::error::Result;
use crate::kernels::cuda::{HEADERS, OPTIONS};
use cudarc::nvrtc::{result, sys};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A place on disk for compiled kernels; without a folder nothing is kept.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// `RTORCH_CACHE_DIR`, else `XDG_CACHE_HOME` or `~/.cache`, then `rtorch/cuda`. An empty `RTORCH_CACHE_DIR` keeps
    /// nothing.
    pub fn from_env() -> Cache {
        let var = |v: &str| std::env::var_os(v).map(PathBuf::from);
        let folder = match var("RTORCH_CACHE_DIR") {
            Some(d) if d.as_os_str().is_empty() => None,
            Some(d) => Some(d.join("cuda")),
            None => {
                let base = var("XDG_CACHE_HOME").filter(|d| d.is_absolute());
                base.or_else(|| var("HOME").map(|h| h.join(".cache"))).map(|d| d.join("rtorch").join("cuda"))
            }
        };
        Cache { folder }
    }

    /// Kernels in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: Some(folder.into()) }
    }

    /// The CUBIN of `source` for `arch`, compute capability (9, 0): from disk, or compiled and kept. A cache that cannot
    /// be read or written costs time, not the result.
    pub fn cubin(&self, source: &str, arch: (i32, i32)) -> Result<Vec<u8>> {
        let version = probe().nvrtc.as_ref().map_err(|e| missing(e))?;
        let headers = headers(source);
        let options = options(arch);
        let key = key(source, &headers, &options, *version);
        let file = self.folder.as_ref().map(|f| f.join(format!("{key}.cubin")));
        if let Some(Ok(cubin)) = file.as_ref().map(std::fs::read)
            && cubin.starts_with(b"\x7fELF")
        {
            return Ok(cubin);
        }
        let cubin = compile(source, &headers, &options)?;
        if let Some(file) = file {
            let text = format!("// NVRTC {}.{} {}\n{source}", version.0, version.1, options.join(" "));
            let _ = keep(&file.with_extension("cu"), text.as_bytes()).and_then(|()| keep(&file, &cubin));
        }
        Ok(cubin)
    }
}

#[cold]
fn missing(why: &str) -> crate::error::Error {
    err!(Runtime, "CUDA kernels cannot be compiled: {why}")
}

/// Written aside, then renamed: readers find the whole file or none, with any number of writers.
fn keep(file: &Path, data: &[u8]) -> std::io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut aside = file.as_os_str().to_owned();
    aside.push(format!(".{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let done = std::fs::write(&aside, data).and_then(|()| std::fs::rename(&aside, file));
    if done.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    done
}

fn options(arch: (i32, i32)) -> Vec<String> {
    let mut all = vec![format!("--gpu-architecture=sm_{}{}", arch.0, arch.1)];
    all.extend(OPTIONS.iter().map(|o| o.to_string()));
    all
}

/// The headers that a text includes, and theirs.
fn headers(source: &str) -> Vec<(&'static str, &'static str)> {
    let mut used = [false; HEADERS.len()];
    let mut todo = vec![source];
    while let Some(text) = todo.pop() {
        for name in text.lines().filter_map(|l| l.strip_prefix("#include \"")?.strip_suffix('"')) {
            if let Some(k) = HEADERS.iter().position(|h| h.0 == name)
                && !used[k]
            {
                used[k] = true;
                todo.push(HEADERS[k].1);
            }
        }
    }
    HEADERS.iter().zip(used).filter(|(_, u)| *u).map(|(h, _)| *h).collect()
}

/// 128 bits of FNV-1a over everything that the result depends on.
fn key(source: &str, headers: &[(&str, &str)], options: &[String], version: (i32, i32)) -> String {
    let mut h: u128 = 0x6c62272e07bb014262b821756295c58d;
    let mut eat = |bytes: &[u8]| {
        for b in bytes.iter().chain(&[0]) {
            h = (h ^ *b as u128).wrapping_mul(0x0000000001000000000000000000013b);
        }
    };
    eat(source.as_bytes());
    headers.iter().for_each(|(name, text)| {
        eat(name.as_bytes());
        eat(text.as_bytes());
    });
    options.iter().for_each(|o| eat(o.as_bytes()));
    eat(format!("{version:?}").as_bytes());
    format!("{h:032x}")
}

/// A program that is destroyed in every case.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: created by nvrtcCreateProgram, destroyed once.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// One compilation. Only where `probe` has found NVRTC.
fn compile(source: &str, headers: &[(&str, &str)], options: &[String]) -> Result<Vec<u8>> {
    let c = |s: &str| CString::new(s).map_err(|_| err!(Runtime, "CUDA kernel: the text has a zero byte"));
    let failed = |what: &str, e: result::NvrtcError| err!(Runtime, "{what}: {:?}", e.0);
    let text = c(source)?;
    let names = headers.iter().map(|h| c(h.0)).collect::<Result<Vec<_>>>()?;
    let texts = headers.iter().map(|h| c(h.1)).collect::<Result<Vec<_>>>()?;
    let options = options.iter().map(|o| c(o)).collect::<Result<Vec<_>>>()?;
    let pointers = |v: &[CString]| v.iter().map(|s| s.as_ptr()).collect::<Vec<_>>();
    let (names_p, texts_p, options_p) = (pointers(&names), pointers(&texts), pointers(&options));
    let mut program = std::ptr::null_mut();
    // SAFETY: every pointer is to a string that outlives the program; the counts are theirs.
    unsafe {
        sys::nvrtcCreateProgram(
            &mut program,
            text.as_ptr(),
            c"kernel.cu".as_ptr(),
            headers.len() as i32,
            texts_p.as_ptr(),
            names_p.as_ptr(),
        )
    }
    .result()
    .map_err(|e| failed("nvrtcCreateProgram", e))?;
    let program = Program(program);
    // SAFETY: as above.
    let done = unsafe { sys::nvrtcCompileProgram(program.0, options_p.len() as i32, options_p.as_ptr()) }.result();
    if let Err(e) = done {
        // SAFETY: the program is alive.
        let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|b| b as u8).collect();
        let log = CStr::from_bytes_until_nul(&log).map(|l| l.to_string_lossy().into_owned()).unwrap_or_default();
        return Err(err!(Runtime, "NVRTC refused the kernel {} ({:?}):\n{log}", entry(source), e.0));
    }
    let mut size = 0usize;
    // SAFETY: the program is compiled; the address is ours.
    unsafe { sys::nvrtcGetCUBINSize(program.0, &mut size) }.result().map_err(|e| failed("nvrtcGetCUBINSize", e))?;
    let mut cubin = vec![0u8; size];
    // SAFETY: the buffer has the size that was asked for.
    unsafe { sys::nvrtcGetCUBIN(program.0, cubin.as_mut_ptr().cast()) }
        .result()
        .map_err(|e| failed("nvrtcGetCUBIN", e))?;
    Ok(cubin)
}

/// The name of the first kernel of a text, for messages.
fn entry(source: &str) -> &str {
    let rest = source.split("extern \"C\" __global__ void ").nth(1).unwrap_or("?");
    let rest = rest.split_once(") ").map_or(rest, |(bounds, r)| if bounds.starts_with("__launch") { r } else { rest });
    rest.split('(').next().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::super::probe::tests::wheels;
    use super::*;
    use crate::dtype::DType;
    use crate::kernels::cuda::print::{IndexForm, copy_kernel};

    fn text() -> String {
        copy_kernel("to_half", DType::F32, DType::F16, IndexForm::contiguous(4))
    }

    #[test]
    fn the_key_knows_everything() {
        let t = text();
        assert_eq!(entry(&t), "to_half");
        let h = headers(&t);
        assert!(h.iter().any(|h| h.0 == "types.cuh") && !h.iter().any(|h| h.0 == "scan.cu"));
        let base = key(&t, &h, &options((9, 0)), (13, 0));
        assert_eq!(base, key(&t, &h, &options((9, 0)), (13, 0)));
        for other in [
            key("x", &h, &options((9, 0)), (13, 0)),
            key(&t, &h[1..], &options((9, 0)), (13, 0)),
            key(&t, &h, &options((8, 0)), (13, 0)),
            key(&t, &h, &options((9, 0)), (13, 1)),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn kernels_are_compiled_once_and_errors_show_the_log() {
        wheels();
        let folder = std::env::temp_dir().join(format!("rtorch-cubin-{}", std::process::id()));
        let cache = Cache::at(&folder);
        if let Err(why) = &probe().nvrtc {
            let e = cache.cubin(&text(), (9, 0)).expect_err("no compiler");
            assert!(e.text().contains(why.as_str()));
            eprintln!("skipped: {why}");
            return;
        }
        let cubin = cache.cubin(&text(), (9, 0)).expect("compiles");
        assert!(cubin.starts_with(b"\x7fELF"));
        let mut names: Vec<_> =
            std::fs::read_dir(&folder).expect("made").flatten().map(|e| e.file_name().into_string()).collect();
        names.sort();
        assert_eq!(names.len(), 2, "{names:?}");
        // From disk now: what stands there is what comes.
        let file = folder.join(names[1].as_ref().expect("a name"));
        std::fs::write(&file, b"\x7fELF and more").expect("writes");
        assert_eq!(cache.cubin(&text(), (9, 0)).expect("reads"), b"\x7fELF and more");
        // A damaged file is made anew.
        std::fs::write(&file, b"half a fi").expect("writes");
        assert_eq!(cache.cubin(&text(), (9, 0)).expect("compiles"), cubin);
        // A folder that cannot be made.
        let nowhere = Cache::at(file.join("below/a/file"));
        assert_eq!(nowhere.cubin(&text(), (9, 0)).expect("compiles"), cubin);
        let wrong = text().replace("cast<f16>", "cats<f16>");
        let e = Cache::default().cubin(&wrong, (9, 0)).expect_err("does not compile");
        assert!(e.text().contains("to_half") && e.text().contains("cats"), "{}", e.text());
        let _ = std::fs::remove_dir_all(folder);
    }
}
